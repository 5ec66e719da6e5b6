import { expect, test } from "vitest";
import { inferenceDeployment } from "../../operator/api/kinds.ts";
import type { ConfigMap, KubernetesObject } from "../../operator/cluster/objects.ts";
import type { WatchEvent } from "../../operator/cluster/port.ts";
import { configMaps } from "../../operator/cluster/resource.ts";
import { overEveryAdapter } from "./every-adapter.ts";
import { aConfigMap, anEndpoint } from "./objects.ts";
import { eventually, given, untilRead } from "./waiting.ts";

const endpoints = inferenceDeployment.resource;
const nameOf = ({ metadata }: KubernetesObject) => metadata.name;
const toldOf = ({ type, object }: WatchEvent<ConfigMap>) =>
  `${type} ${object.metadata.name} ${object.data?.a ?? ""}`;

overEveryAdapter("list and watch", (world) => {
  const labelled = (name: string, label: string, a = "1") =>
    world().cluster.apply(
      configMaps,
      aConfigMap(world(), name, { a }, { labels: { group: label, other: "x" } }),
    );

  test("a list has the objects of a namespace that carry every label", async () => {
    const { cluster, namespace } = world();
    const made = await labelled("list-a", "list");
    await labelled("list-b", "list");
    await labelled("list-c", "elsewhere");
    const found = await cluster.list(configMaps, { namespace, labels: { group: "list", other: "x" } });
    expect(found.map(nameOf).toSorted()).toEqual(["list-a", "list-b"]);
    expect(found.find((object) => nameOf(object) === "list-a")).toEqual(made);
    expect(await cluster.list(configMaps, { namespace, labels: { group: "list", other: "y" } })).toEqual([]);
    expect((await cluster.list(configMaps, { labels: { group: "list" } })).map(nameOf)).toEqual(
      expect.arrayContaining(["list-a", "list-b"]),
    );
    expect(await cluster.list(configMaps, { namespace: "nowhere" })).toEqual([]);
  });

  test("a watch tells first what is there, then says synced, then every change in order", async () => {
    const { cluster, namespace } = world();
    await labelled("seq-a", "seq");
    await labelled("seq-b", "seq");
    const told: string[] = [];
    const watch = cluster.watch(configMaps, { namespace, labels: { group: "seq" } }, (event) => {
      told.push(toldOf(event));
    });
    await watch.synced;
    expect(told.toSorted()).toEqual(["ADDED seq-a 1", "ADDED seq-b 1"]);
    for (const a of ["2", "3", "4"]) await labelled("seq-a", "seq", a);
    const last = await labelled("seq-c", "seq");
    await cluster.delete(configMaps, last);
    await eventually(async () => told.length === 7, `seven events are told: ${told}`);
    watch.close();
    const later = told.slice(2);
    expect(later.filter((line) => line.includes("seq-a"))).toEqual(
      ["2", "3", "4"].map((a) => `MODIFIED seq-a ${a}`),
    );
    expect(later.filter((line) => line.includes("seq-c"))).toEqual(["ADDED seq-c 1", "DELETED seq-c 1"]);
  });

  test("an object that comes into a watch's labels is added, one that leaves them is deleted", async () => {
    const { cluster, namespace } = world();
    const told: string[] = [];
    const watch = cluster.watch(configMaps, { namespace, labels: { group: "in" } }, (event) => {
      told.push(toldOf(event));
    });
    await watch.synced;
    await labelled("moving", "out");
    await labelled("moving", "in");
    await labelled("moving", "out");
    await labelled("moving", "in", "2");
    await eventually(async () => told.length === 3, `three events are told: ${told}`);
    watch.close();
    expect(told).toEqual(["ADDED moving 1", expect.stringMatching(/^DELETED moving/), "ADDED moving 2"]);
  });

  test("a watch of a namespace is silent about others, a watch of all tells of each", async () => {
    const { cluster, namespace } = world();
    const [elsewhere, everywhere]: [string[], string[]] = [[], []];
    const labels = { group: "wide" };
    const watches = [
      cluster.watch(configMaps, { namespace: "nowhere", labels }, ({ object }) =>
        elsewhere.push(nameOf(object)),
      ),
      cluster.watch(configMaps, { labels }, ({ object }) => everywhere.push(nameOf(object))),
    ];
    await Promise.all(watches.map(({ synced }) => synced));
    await labelled("wide", "wide");
    await eventually(async () => everywhere.includes("wide"), `${namespace}/wide is told`);
    for (const watch of watches) watch.close();
    expect(elsewhere).toEqual([]);
  });

  test("a watch has the objects as a get has them, and says nothing after close", async () => {
    const { cluster, namespace } = world();
    const events: WatchEvent<NonNullable<typeof endpoints.object>>[] = [];
    const watch = cluster.watch(endpoints, { namespace }, (event) => {
      if (event.object.metadata.name === "same") events.push(event);
    });
    await watch.synced;
    const made = await cluster.apply(endpoints, anEndpoint(world(), "same"));
    const written = await cluster.updateStatus(endpoints, { ...made, status: { readyReplicas: 1 } });
    await cluster.setFinalizer(endpoints, written, "tanren.dev/in-use", true);
    await eventually(async () => events.length === 3, "three events are told");
    expect(events.map(({ type }) => type)).toEqual(["ADDED", "MODIFIED", "MODIFIED"]);
    expect(events[1]?.object).toEqual(written);
    expect(events[2]?.object).toEqual(await cluster.get(endpoints, namespace, "same"));
    watch.close();
    const told: number[] = [];
    const other = cluster.watch(endpoints, { namespace }, ({ object }) => {
      if (object.metadata.name === "same") told.push(object.spec.replicas);
    });
    await other.synced;
    await cluster.apply(endpoints, anEndpoint(world(), "same", { replicas: 3 }));
    await eventually(async () => told.includes(3), "another watch is told of the next change");
    other.close();
    expect(events).toHaveLength(3);
  });

  test("what is held by a finalizer is told as modified when it is marked and as deleted when it goes", async () => {
    const { cluster, namespace } = world();
    const made = await cluster.apply(endpoints, anEndpoint(world(), "going"));
    const held = given(await cluster.setFinalizer(endpoints, made, "tanren.dev/in-use", true));
    const told: string[] = [];
    const watch = cluster.watch(endpoints, { namespace }, ({ type, object }) => {
      const mark = object.metadata.deletionTimestamp === undefined ? "" : " leaving";
      if (object.metadata.name === "going") told.push(`${type}${mark}`);
    });
    await watch.synced;
    await cluster.delete(endpoints, held);
    await cluster.setFinalizer(endpoints, held, "tanren.dev/in-use", false);
    await eventually(async () => told.includes("DELETED leaving"), "the end is told");
    watch.close();
    expect(told).toEqual(["ADDED", "MODIFIED leaving", "DELETED leaving"]);
  });

  test("another connection sees what this one does", async () => {
    const { cluster, namespace } = world();
    const other = await world().another();
    const told: string[] = [];
    const watch = other.watch(configMaps, { namespace, labels: { group: "both" } }, (event) => {
      told.push(toldOf(event));
    });
    await watch.synced;
    const made = await labelled("both", "both");
    expect(await untilRead({ ...world(), cluster: other }, configMaps, made)).toEqual(made);
    await cluster.delete(configMaps, made);
    await eventually(async () => told.length === 2, "both events are told");
    watch.close();
    expect(told).toEqual(["ADDED both 1", "DELETED both 1"]);
  });
});
