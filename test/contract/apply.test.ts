import { expect, test } from "vitest";
import { inferenceDeployment, pretrainRun } from "../../operator/api/kinds.ts";
import type { KubernetesObject, Wanted } from "../../operator/cluster/objects.ts";
import { type Cluster, ConflictError, InvalidError, NotFoundError } from "../../operator/cluster/port.ts";
import { configMaps, type Resource, services } from "../../operator/cluster/resource.ts";
import { overEveryAdapter } from "./every-adapter.ts";
import { aConfigMap, anEndpoint, aRun } from "./objects.ts";
import { given, until, untilRead } from "./waiting.ts";

const endpoints = inferenceDeployment.resource;
const runs = pretrainRun.resource;

overEveryAdapter("apply", (world) => {
  test("makes what is not there, with an identity of its own", async () => {
    const { cluster, namespace } = world();
    expect(await cluster.get(endpoints, namespace, "new")).toBeUndefined();
    const made = await cluster.apply(endpoints, anEndpoint(world(), "new"));
    expect(made).toMatchObject({ apiVersion: "tanren.dev/v1alpha1", kind: "InferenceDeployment" });
    expect(made.metadata).toMatchObject({ name: "new", namespace, generation: 1 });
    expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.metadata.resourceVersion).toMatch(/^\d+$/);
    expect(made.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(await cluster.get(endpoints, namespace, "new")).toEqual(made);
  });

  test("create makes what is not there, and leaves what has the name as it is", async () => {
    const { cluster, namespace } = world();
    const wanted = aConfigMap(world(), "first", { a: "1" });
    const made = await cluster.create(configMaps, wanted);
    expect(made).toMatchObject({ metadata: { name: "first", namespace }, data: { a: "1" } });
    const other = aConfigMap(world(), "first", { b: "2" }, { labels: { l: "x" } });
    for (const creator of [cluster, await world().another()])
      await expect(creator.create(configMaps, other)).rejects.toThrow(ConflictError);
    expect(await cluster.get(configMaps, namespace, "first")).toEqual(made);
    const endpoint = await cluster.create(endpoints, anEndpoint(world(), "created"));
    expect(endpoint.metadata.generation).toBe(1);
    await expect(cluster.create(endpoints, anEndpoint(world(), "created"))).rejects.toThrow(ConflictError);
    await cluster.delete(configMaps, made);
    const again = await cluster.create(configMaps, other);
    expect(again.metadata.uid, "the name is free again").not.toBe(made.metadata.uid);
  });

  test("what was created and is applied later loses what is no longer stated", async () => {
    const { cluster } = world();
    await cluster.create(configMaps, aConfigMap(world(), "shrinks", { a: "1", b: "2" }));
    const fewer = await cluster.apply(configMaps, aConfigMap(world(), "shrinks", { b: "3" }));
    expect(fewer.data).toEqual({ b: "3" });
  });

  test("said again, also by another connection, changes nothing, not even resourceVersion", async () => {
    const { cluster, namespace } = world();
    const config = aConfigMap(world(), "again", { a: "1" }, { labels: { l: "x" }, annotations: { n: "y" } });
    const ports = [{ name: "http", port: 9401, targetPort: 8000 }];
    const service = {
      ...{ apiVersion: "v1" as const, kind: "Service" as const, metadata: { name: "again", namespace } },
      spec: { clusterIP: "None", publishNotReadyAddresses: true, selector: { l: "x" }, ports },
    };
    const sayAgain = async <T extends KubernetesObject>(resource: Resource<T>, wanted: Wanted<T>) => {
      const first = await cluster.apply(resource, wanted);
      expect(await cluster.apply(resource, wanted)).toEqual(first);
      expect(await (await world().another()).apply(resource, wanted)).toEqual(first);
      expect(await cluster.get(resource, namespace, "again")).toEqual(first);
    };
    await sayAgain(endpoints, anEndpoint(world(), "again"));
    await sayAgain(configMaps, config);
    await sayAgain(services, service);
  });

  test("a patch of spec changes what it states alone, and takes away what it states as null", async () => {
    const { cluster } = world();
    const first = await cluster.apply(runs, aRun(world(), "patched", { activeDeadlineSeconds: 60 }));
    const changes = { retry: 2, failurePolicy: { maxRestarts: 7 }, activeDeadlineSeconds: null };
    const patched = await cluster.patchSpec(runs, first, changes);
    const { activeDeadlineSeconds: _, ...kept } = first.spec as Record<string, unknown>;
    expect(patched.spec).toEqual({
      ...kept,
      retry: 2,
      failurePolicy: { ...(kept.failurePolicy as object), maxRestarts: 7 },
    });
    expect(patched.metadata.generation).toBe(2);
    expect(await cluster.get(runs, world().namespace, "patched")).toEqual(patched);
    expect(await cluster.patchSpec(runs, patched, changes)).toEqual(patched);
    // Who applied the object goes on with it, and what was patched in stays.
    const applied = await cluster.apply(runs, aRun(world(), "patched", { retry: 2 }));
    expect(applied.spec).toMatchObject({ retry: 2 });
    await expect(cluster.patchSpec(runs, first, { retry: -1 })).rejects.toThrow(InvalidError);
    await expect(cluster.patchSpec(runs, first, { retri: 1 })).rejects.toThrow(InvalidError);
    const gone = { metadata: { ...first.metadata, name: "never" } };
    await expect(cluster.patchSpec(runs, gone, { retry: 1 })).rejects.toThrow(NotFoundError);
  });

  test("raises generation by one with a change of spec, and by none with a change of metadata", async () => {
    const { cluster } = world();
    await cluster.apply(endpoints, anEndpoint(world(), "changes"));
    const scaled = await cluster.apply(endpoints, anEndpoint(world(), "changes", { replicas: 2 }));
    expect(scaled.spec.replicas).toBe(2);
    expect(scaled.metadata.generation).toBe(2);
    const wanted = anEndpoint(world(), "changes", { replicas: 2 });
    const metadata = { ...wanted.metadata, labels: { l: "x" }, annotations: { n: "y" } };
    const labelled = await cluster.apply(endpoints, { ...wanted, metadata });
    expect(labelled.metadata).toMatchObject({ generation: 2, labels: { l: "x" }, annotations: { n: "y" } });
    expect(Number(labelled.metadata.resourceVersion)).toBeGreaterThan(
      Number(scaled.metadata.resourceVersion),
    );
  });

  test("takes away what it stated before and states no more, and leaves defaults in its place", async () => {
    const { cluster } = world();
    const wanted = anEndpoint(world(), "fewer", { replicas: 3, contextLength: 64 });
    await cluster.apply(endpoints, { ...wanted, metadata: { ...wanted.metadata, labels: { l: "x" } } });
    const fewer = await cluster.apply(endpoints, anEndpoint(world(), "fewer"));
    expect(fewer.metadata.labels ?? {}).toEqual({});
    expect(fewer.spec).not.toHaveProperty("contextLength");
    expect(fewer.spec.replicas).toBe(1);
    const map = await cluster.apply(configMaps, aConfigMap(world(), "fewer", { a: "1", b: "2" }));
    expect(map.data).toEqual({ a: "1", b: "2" });
    expect((await cluster.apply(configMaps, aConfigMap(world(), "fewer", { b: "3" }))).data).toEqual({
      b: "3",
    });
  });

  test("fills in what the schema has defaults for, at every depth", async () => {
    const { cluster } = world();
    const { spec } = await cluster.apply(runs, aRun(world(), "defaults"));
    const expected = pretrainRun.spec.parse(aRun(world(), "defaults").spec);
    expect(spec).toEqual(expected);
    expect(expected).toMatchObject({ compute: { resources: { cpu: "1" } }, storage: { size: "10Gi" } });
  });

  test("prevails over what somebody else has stated", async () => {
    const { cluster } = world();
    await cluster.apply(endpoints, anEndpoint(world(), "disputed"));
    await world().applyAsPerson(endpoints, anEndpoint(world(), "disputed", { replicas: 7 }));
    await until(world(), endpoints, "disputed", ({ spec }) => spec.replicas === 7);
    const won = await cluster.apply(endpoints, anEndpoint(world(), "disputed", { replicas: 2 }));
    expect(won.spec.replicas).toBe(2);
    await world().applyAsPerson(configMaps, aConfigMap(world(), "disputed", { a: "theirs" }));
    expect((await cluster.apply(configMaps, aConfigMap(world(), "disputed", { a: "ours" }))).data.a).toBe(
      "ours",
    );
  });

  test("of two writers at once, both succeed and the object is as one of them said", async () => {
    const { cluster } = world();
    const writers = [cluster, await world().another()];
    const answers = await Promise.all(
      writers.flatMap((writer, index) =>
        [1, 2, 3].map((round) =>
          writer.apply(configMaps, aConfigMap(world(), "raced", { by: `${index}-${round}` })),
        ),
      ),
    );
    expect(new Set(answers.map(({ metadata }) => metadata.uid)).size).toBe(1);
    const byVersion = answers.toSorted(
      (a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion),
    );
    const last = given(byVersion.at(-1));
    expect(await untilRead(world(), configMaps, last)).toEqual(last);
  });

  test("refuses with every wrong field named, and stores nothing", async () => {
    const { cluster, namespace } = world();
    const wrong = { model: { preset: "llama-99b" }, sequenceLength: 4, storage: { claimName: "A" } };
    const causes = await refusal(cluster, runs, aRun(world(), "wrong", wrong));
    expect(causes.map(({ field }) => field).toSorted()).toEqual([
      "spec.model.preset",
      "spec.sequenceLength",
      "spec.storage.claimName",
    ]);
    expect(await cluster.get(runs, namespace, "wrong")).toBeUndefined();
  });

  test("refuses what a rule of the kind forbids, in the rule's words", async () => {
    const { cluster } = world();
    const both = aRun(world(), "rule", { storage: { claimName: "c", size: "1Gi" } });
    expect(await refusal(cluster, runs, both)).toEqual([
      {
        field: "spec.storage",
        message: expect.stringContaining("exactly one of claimName, size must be set"),
      },
    ]);
  });

  test("refuses a field that the schema does not have, and one that is missing", async () => {
    const { cluster } = world();
    const unknown = await refusal(cluster, runs, aRun(world(), "unknown", { tokns: 1 }));
    expect(unknown.map(({ field }) => field)).toEqual(["spec.tokns"]);
    const missing = await refusal(cluster, runs, aRun(world(), "missing", { corpus: undefined }));
    expect(missing.map(({ field }) => field)).toEqual(["spec.corpus"]);
  });

  test("refuses a change of a started run but for what may change, whatever its other fields", async () => {
    const { cluster } = world();
    const made = await cluster.apply(runs, aRun(world(), "started"));
    await cluster.updateStatus(runs, { ...made, status: { startTime: "2026-01-01T00:00:00Z" } });
    const causes = await refusal(cluster, runs, aRun(world(), "started", { sequenceLength: 256 }));
    expect(causes).toEqual([
      {
        field: "spec.sequenceLength",
        message: expect.stringContaining("spec.sequenceLength cannot change once"),
      },
    ]);
    const paused = await cluster.apply(runs, aRun(world(), "started", { suspend: true }));
    expect(paused.spec.suspend).toBe(true);
  });

  test("refuses labels and names that are none", async () => {
    const { cluster, namespace } = world();
    const badName = await refusal(cluster, configMaps, aConfigMap(world(), "Not_A_Name"));
    expect(badName.map(({ field }) => field)).toEqual(["metadata.name"]);
    const labels = { "tanren.dev/name": "x".repeat(64) };
    const badLabel = await refusal(cluster, configMaps, aConfigMap(world(), "labels", {}, { labels }));
    expect(badLabel.map(({ field }) => field)).toEqual(["metadata.labels"]);
    expect(await cluster.get(configMaps, namespace, "labels")).toBeUndefined();
  });
});

async function refusal<T extends KubernetesObject>(
  cluster: Cluster,
  resource: Resource<T>,
  wanted: Wanted<T>,
) {
  const error = await cluster.apply(resource, wanted).catch((thrown) => thrown);
  if (!(error instanceof InvalidError))
    throw new Error("the apply was not refused as invalid", { cause: error });
  return [...error.causes];
}
