import { expect, test } from "vitest";
import { inferenceDeployment } from "../../operator/api/kinds.ts";
import { ConflictError, NotFoundError } from "../../operator/cluster/port.ts";
import { overEveryAdapter } from "./every-adapter.ts";
import { anEndpoint } from "./objects.ts";
import { given, untilRead } from "./waiting.ts";

const endpoints = inferenceDeployment.resource;
const conditionsOf = (reason: string) => [
  {
    ...{ type: "Ready", status: "False" as const, reason, message: "不足", observedGeneration: 1 },
    lastTransitionTime: "2026-01-01T00:00:00Z",
  },
];

overEveryAdapter("updateStatus", (world) => {
  test("writes status and nothing else, and raises no generation", async () => {
    const { cluster, namespace } = world();
    const made = await cluster.apply(endpoints, anEndpoint(world(), "plain"));
    const status = {
      observedGeneration: 1,
      conditions: conditionsOf("RollingOut"),
      readyReplicas: 0,
      url: "http://x",
    };
    const spec = { ...made.spec, replicas: 9 };
    const labels = { l: "x" };
    const written = await cluster.updateStatus(endpoints, {
      ...made,
      spec,
      status,
      metadata: { ...made.metadata, labels },
    });
    expect(written.status).toEqual(status);
    expect(written.spec).toEqual(made.spec);
    expect(written.metadata.labels).toBeUndefined();
    expect(written.metadata.generation).toBe(1);
    expect(Number(written.metadata.resourceVersion)).toBeGreaterThan(Number(made.metadata.resourceVersion));
    expect(await cluster.get(endpoints, namespace, "plain")).toEqual(written);
  });

  test("replaces the whole of status: what is said no more is gone", async () => {
    const { cluster } = world();
    const made = await cluster.apply(endpoints, anEndpoint(world(), "whole"));
    const before = await cluster.updateStatus(endpoints, {
      ...made,
      status: { url: "http://x", readyReplicas: 1 },
    });
    const after = await cluster.updateStatus(endpoints, { ...before, status: { readyReplicas: 2 } });
    expect(after.status).toEqual({ readyReplicas: 2 });
  });

  test("said again changes nothing", async () => {
    const { cluster } = world();
    const made = await cluster.apply(endpoints, anEndpoint(world(), "twice"));
    const written = await cluster.updateStatus(endpoints, { ...made, status: { readyReplicas: 1 } });
    const again = await cluster.updateStatus(endpoints, written);
    expect(again).toEqual(written);
  });

  test("outlives an apply, which cannot state it", async () => {
    const { cluster } = world();
    const wanted = { ...anEndpoint(world(), "kept"), status: { readyReplicas: 5 } };
    const made = await cluster.apply(endpoints, wanted);
    expect(made.status).toBeUndefined();
    await cluster.updateStatus(endpoints, { ...made, status: { readyReplicas: 1 } });
    const scaled = await cluster.apply(endpoints, { ...anEndpoint(world(), "kept", { replicas: 2 }) });
    expect(scaled.status).toEqual({ readyReplicas: 1 });
    expect(scaled.metadata.generation).toBe(2);
  });

  test("of a stale read is a conflict, whoever wrote in between, and changes nothing", async () => {
    const { cluster } = world();
    const stale = await cluster.apply(endpoints, anEndpoint(world(), "stale"));
    const newer = await (await world().another()).apply(
      endpoints,
      anEndpoint(world(), "stale", { replicas: 2 }),
    );
    const write = cluster.updateStatus(endpoints, { ...stale, status: { readyReplicas: 1 } });
    await expect(write).rejects.toBeInstanceOf(ConflictError);
    expect(await untilRead(world(), endpoints, newer)).toEqual(newer);
  });

  test("of one and the same read succeeds for one of two writers", async () => {
    const { cluster } = world();
    const read = await cluster.apply(endpoints, anEndpoint(world(), "raced"));
    const writers = [cluster, await world().another()];
    const ends = await Promise.allSettled(
      writers.map((writer, index) =>
        writer.updateStatus(endpoints, { ...read, status: { readyReplicas: index + 1 } }),
      ),
    );
    const won = ends.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
    const lost = ends.flatMap((end) => (end.status === "rejected" ? [end.reason] : []));
    expect(won).toHaveLength(1);
    expect(lost).toEqual([expect.any(ConflictError)]);
    expect(await untilRead(world(), endpoints, given(won[0]))).toEqual(won[0]);
  });

  test("of what is gone is told so; a namesake born later is not written to", async () => {
    const { cluster, namespace } = world();
    const gone = await cluster.apply(endpoints, anEndpoint(world(), "gone"));
    await cluster.delete(endpoints, gone);
    const write = () => cluster.updateStatus(endpoints, { ...gone, status: { readyReplicas: 1 } });
    await expect(write()).rejects.toBeInstanceOf(NotFoundError);
    const namesake = await cluster.apply(endpoints, anEndpoint(world(), "gone"));
    await expect(write()).rejects.toBeInstanceOf(ConflictError);
    expect(await cluster.get(endpoints, namespace, "gone")).toEqual(namesake);
  });
});
