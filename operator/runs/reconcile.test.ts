import { describe, expect, test } from "vitest";
import { NetworkPolicies, PodDefaults } from "../api/configuration.ts";
import { InvalidError } from "../cluster/port.ts";
import { claims, configMaps, events, jobs, networkPolicies, pods, services } from "../cluster/resource.ts";
import { inUseFinalizer } from "../engine/references.ts";
import {
  aForging,
  conditionOf,
  engineOn,
  forgings,
  readForging,
  reconcileForging,
  settle,
} from "../testing/run-engine.ts";
import { badly, digest, namespace, World, well } from "../testing/run-world.ts";

async function started(spec: Record<string, unknown> = {}) {
  const world = new World();
  const engine = engineOn(world);
  world.store.apply(forgings, aForging(spec));
  await settle(world, engine);
  return { world, engine };
}

const jobNames = (world: World) => world.store.list(jobs).map((job) => job.metadata.name);
const reasons = (world: World) => world.store.list(events).map((event) => event.reason);

/** Ends the Jobs that run, and lets the engine see it. */
async function play(world: World, engine: ReturnType<typeof engineOn>, ...endings: Parameters<World["endJob"]>[1]) {
  for (const job of world.openJobs()) world.endJob(job, endings);
  return settle(world, engine);
}

describe("a run", () => {
  test("gets its finalizer before anything is made for it", async () => {
    const world = new World();
    world.store.apply(forgings, aForging());
    await reconcileForging(engineOn(world));
    expect(readForging(world).metadata.finalizers).toEqual([inUseFinalizer]);
    expect(jobNames(world)).toEqual([]);
  });

  test("has its plan, claim, ConfigMap and first Job once it has started", async () => {
    const { world } = await started();
    const run = readForging(world);
    expect(run.status).toMatchObject({
      observedGeneration: 1,
      startTime: "2026-01-01T00:00:00Z",
      plan: { ranks: 2 },
      stages: [
        { name: "melt", state: "Running" },
        { name: "forge", state: "Pending" },
      ],
      attempts: [{ stage: "melt", number: 1, jobName: "forging-blade-melt-1" }],
      progress: { stage: "melt", percent: "0%" },
    });
    expect(conditionOf(run)).toMatchObject({ status: "Unknown", reason: "WaitingForPods" });
    expect(conditionOf(run, "Reconciling")?.status).toBe("True");
    expect(world.store.list(claims).map((claim) => claim.metadata.name)).toEqual(["forging-blade"]);
    const [configMap] = world.store.list(configMaps);
    expect(JSON.parse(configMap?.data["config.json"] ?? "")).toMatchObject({
      run: { kind: "Forging", name: "blade", stage: "melt", attempt: 1 },
      output: "output/melt",
      threads: 1,
    });
    expect(world.store.list(services)).toEqual([]);
  });

  test("goes through its stages to an artifact with its path, parents and figures", async () => {
    const { world, engine } = await started();
    await play(world, engine, well);
    expect(jobNames(world)).toEqual(["forging-blade-forge-1", "forging-blade-melt-1"]);
    expect(world.store.get(services, namespace, "forging-blade-forge-1")?.spec.clusterIP).toBe("None");
    await play(world, engine, well);
    const run = readForging(world);
    const directory = `forgings/blade-${run.metadata.uid.slice(0, 8)}`;
    expect(run.status).toMatchObject({
      completionTime: "2026-01-01T00:00:00Z",
      progress: { percent: "100%", metrics: [{ name: "loss", value: "1.5" }] },
      heats: ["forge", "melt"],
      artifact: {
        type: "model",
        stage: "forge",
        claimName: "forging-blade",
        path: `${directory}/forge`,
        digest: digest("a"),
        contextLength: 128,
      },
    });
    expect(conditionOf(run)).toMatchObject({ status: "True", reason: "Completed" });
    expect(conditionOf(run, "Ready")?.status).toBe("True");
    expect(conditionOf(run, "Reconciling")).toBeUndefined();
    expect(new Set(reasons(world))).toEqual(new Set(["StageStarted", "StageCompleted", "Completed"]));
  });

  test("writes nothing when nothing has changed", async () => {
    const { world, engine } = await started();
    await play(world, engine, well);
    const before = [...world.store.everything()].map(({ object }) => object.metadata.resourceVersion);
    await reconcileForging(engine);
    await reconcileForging(engine);
    expect([...world.store.everything()].map(({ object }) => object.metadata.resourceVersion)).toEqual(before);
  });

  test("starts no pods while the kind refuses, and begins when the spec is mended", async () => {
    const { world, engine } = await started({ needsBytes: 3 * 2 ** 30 });
    expect(jobNames(world)).toEqual([]);
    expect(conditionOf(readForging(world))).toMatchObject({
      status: "False",
      reason: "InsufficientMemory",
      message: "3221225472 bytes are too many",
    });
    expect(conditionOf(readForging(world), "Stalled")?.status).toBe("True");
    world.store.apply(forgings, aForging({ needsBytes: 1 }));
    await settle(world, engine);
    expect(jobNames(world)).toEqual(["forging-blade-melt-1"]);
  });

  test("fails for good on exit 64, with the kernel's reason", async () => {
    const { world, engine } = await started();
    const outcome = await play(world, engine, badly("InvalidData", 64), well);
    const run = readForging(world);
    expect(conditionOf(run)).toMatchObject({ status: "False", reason: "InvalidData", message: "it was InvalidData" });
    expect(run.status?.stages?.[0]?.state).toBe("Failed");
    expect(run.status?.completionTime).toBeDefined();
    expect(outcome.kind).toBe("done");
    world.clock.advance(3_600_000);
    await settle(world, engine);
    expect(jobNames(world)).toEqual(["forging-blade-melt-1"]);
  });

  test("goes on with a new attempt after its backoff, and sweeps the old one once the new one is known", async () => {
    const { world, engine } = await started();
    expect(await play(world, engine, badly("PeerLost", 75), well)).toEqual({ kind: "again", afterSeconds: 5 });
    expect(jobNames(world)).toEqual(["forging-blade-melt-1"]);
    expect(readForging(world).status?.attempts?.[0]).toMatchObject({
      reason: "PeerLost",
      exitCode: 75,
      counted: false,
    });
    world.clock.advance(5000);
    await settle(world, engine);
    expect(jobNames(world)).toEqual(["forging-blade-melt-2"]);
    expect(world.store.list(configMaps).map(({ metadata }) => metadata.name)).toEqual(["forging-blade-melt-2"]);
    expect(readForging(world).status?.restarts).toBe(0);
  });

  test("waits for pods of the attempt before that may still write", async () => {
    const { world, engine } = await started();
    const [job] = world.openJobs();
    if (job === undefined) throw new Error("no Job");
    world.startPods(job);
    world.store.delete(jobs, job);
    await settle(world, engine);
    expect(jobNames(world)).toEqual([]);
    expect(conditionOf(readForging(world))?.reason).toBe("WaitingForPods");
    for (const pod of world.store.list(pods)) world.store.updateStatus(pods, { ...pod, status: { phase: "Failed" } });
    await settle(world, engine);
    expect(jobNames(world)).toEqual(["forging-blade-melt-1"]);
  });

  test("does not render a Job that exists anew", async () => {
    const { world } = await started();
    const before = world.store.list(jobs);
    await settle(world, { ...engineOn(world), podDefaults: PodDefaults.parse({ image: "kernels:newer" }) });
    expect(world.store.list(jobs)).toEqual(before);
  });

  test("makes a ConfigMap that was taken away again, with the same bytes", async () => {
    const { world, engine } = await started();
    const [configMap] = world.store.list(configMaps);
    if (configMap === undefined) throw new Error("no ConfigMap");
    world.store.delete(configMaps, configMap);
    await settle(world, engine);
    expect(world.store.list(configMaps)[0]?.data).toEqual(configMap.data);
  });

  test.each([
    ["with a claim of its own", { size: "1Gi" }],
    ["on a shared claim", { claimName: "shared" }],
  ])("does not touch what has its names and belongs to another: %s", async (_, storage) => {
    const world = new World();
    const engine = engineOn(world);
    world.store.apply(claims, {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "shared", namespace },
      spec: { accessModes: ["ReadWriteMany"], resources: { requests: { storage: "1Gi" } } },
    });
    world.store.apply(forgings, aForging({ storage }));
    await settle(world, engine);
    const theirs = world.store.list(jobs);
    expect(theirs).toHaveLength(1);
    world.store.delete(forgings, readForging(world));
    await settle(world, engine);
    world.store.apply(forgings, aForging({ storage }));
    expect(await settle(world, engine)).toMatchObject({ kind: "waiting", reason: "NameTaken" });
    expect(conditionOf(readForging(world))?.message).toContain("exists and");
    expect(world.store.list(jobs)).toEqual(theirs);
  });

  test("that the API server refuses a child of says so", async () => {
    const world = new World();
    const refuse = async () => {
      throw new InvalidError("Job", "forging-blade-melt-1", [{ field: "spec", message: "no" }]);
    };
    world.store.apply(forgings, aForging());
    await settle(world, engineOn(world, { ...world.cluster, apply: refuse }));
    expect(conditionOf(readForging(world))).toMatchObject({ status: "False", reason: "InvalidSpec" });
  });

  test("waits for the claim it is to write to", async () => {
    const { world } = await started({ storage: { claimName: "absent" } });
    expect(conditionOf(readForging(world))).toMatchObject({ reason: "InputNotFound" });
    expect(jobNames(world)).toEqual([]);
  });

  test("lets its Jobs go after ttlSecondsAfterFinished and keeps status and claim", async () => {
    const { world, engine } = await started({ ttlSecondsAfterFinished: 60 });
    await play(world, engine, well);
    expect(await play(world, engine, well)).toEqual({ kind: "again", afterSeconds: 60 });
    world.clock.advance(60_000);
    await settle(world, engine);
    expect(jobNames(world)).toEqual([]);
    expect(world.store.list(configMaps)).toEqual([]);
    expect(world.store.list(claims)).toHaveLength(1);
    expect(readForging(world).status?.artifact?.digest).toBe(digest("a"));
  });

  test("fails at its deadline and takes its pods away", async () => {
    const { world, engine } = await started({ activeDeadlineSeconds: 100 });
    world.clock.advance(95_000);
    expect(await settle(world, engine)).toMatchObject({ kind: "waiting", afterSeconds: 5 });
    world.clock.advance(5000);
    await settle(world, engine);
    expect(conditionOf(readForging(world))?.reason).toBe("DeadlineExceeded");
    expect(jobNames(world)).toEqual([]);
  });
});

describe("suspension", () => {
  test("stops the Job, keeps status, and goes on with the same Job", async () => {
    const { world, engine } = await started();
    world.store.apply(forgings, aForging({ suspend: true }));
    await settle(world, engine);
    expect(world.store.get(jobs, namespace, "forging-blade-melt-1")?.spec.suspend).toBe(true);
    expect(conditionOf(readForging(world))).toMatchObject({ status: "Unknown", reason: "Suspended" });
    expect(readForging(world).status?.stages?.[0]?.state).toBe("Suspended");
    world.store.apply(forgings, aForging({ suspend: false }));
    await settle(world, engine);
    expect(world.store.get(jobs, namespace, "forging-blade-melt-1")?.spec.suspend).toBe(false);
    expect(readForging(world).status?.stages?.[0]?.state).toBe("Running");
    expect(reasons(world)).toEqual(expect.arrayContaining(["Suspended", "Resumed"]));
  });

  test("begins nothing", async () => {
    const { world } = await started({ suspend: true });
    expect(jobNames(world)).toEqual([]);
    expect(conditionOf(readForging(world))?.reason).toBe("Suspended");
  });

  test("takes exit 143 as what was asked for: no attempt follows before the run goes on", async () => {
    const { world, engine } = await started();
    world.store.apply(forgings, aForging({ suspend: true }));
    const [job] = world.openJobs();
    if (job === undefined) throw new Error("no Job");
    await settle(world, engine);
    world.endJob(job, [badly("Terminated", 143)]);
    world.clock.advance(60_000);
    await settle(world, engine);
    expect(jobNames(world)).toEqual(["forging-blade-melt-1"]);
    expect(conditionOf(readForging(world))?.reason).toBe("Suspended");
    world.store.apply(forgings, aForging({ suspend: false }));
    world.clock.advance(60_000);
    await settle(world, engine);
    expect(jobNames(world)).toEqual(["forging-blade-melt-2"]);
  });

  test("takes a queued Job away, since Kueue alone may start and stop it", async () => {
    const compute = { queueName: "team-a" };
    const { world, engine } = await started({ compute });
    expect(world.store.get(jobs, namespace, "forging-blade-melt-1")?.spec.suspend).toBe(true);
    expect(
      world.store.get(jobs, namespace, "forging-blade-melt-1")?.metadata.labels?.["kueue.x-k8s.io/queue-name"],
    ).toBe("team-a");
    world.store.apply(forgings, aForging({ compute, suspend: true }));
    await settle(world, engine);
    expect(jobNames(world)).toEqual([]);
    world.store.apply(forgings, aForging({ compute }));
    await settle(world, engine);
    expect(jobNames(world)).toEqual(["forging-blade-melt-1"]);
  });
});

describe("references", () => {
  test("are waited for, and become parents of the artifact", async () => {
    const { world, engine } = await started({ from: "ingot" });
    expect(conditionOf(readForging(world))).toMatchObject({ status: "Unknown", reason: "InputNotFound" });
    world.store.apply(forgings, aForging({}, "ingot"));
    await settle(world, engine, "ingot");
    await settle(world, engine);
    expect(conditionOf(readForging(world))?.reason).toBe("InputNotReady");
    for (const stage of ["melt", "forge"]) {
      for (const job of world.openJobs()) world.endJob(job, [well]);
      await settle(world, engine, "ingot");
      expect(readForging(world, "ingot").status?.stages?.find(({ name }) => name === stage)?.state).toBe("Succeeded");
    }
    await settle(world, engine);
    await play(world, engine, well);
    await play(world, engine, well);
    const parents = [{ name: "iron", digest: digest("a"), reference: "Forging/ingot" }];
    expect(readForging(world).status?.artifact?.parents).toEqual(parents);
  });

  test("that lead in a circle are refused", async () => {
    const world = new World();
    world.store.apply(forgings, aForging({ from: "b" }, "a"));
    world.store.apply(forgings, aForging({ from: "a" }, "b"));
    await settle(world, engineOn(world), "a");
    const condition = conditionOf(readForging(world, "a"));
    expect(condition).toMatchObject({ status: "False", reason: "CyclicReference" });
    expect(condition?.message).toContain("Forging a -> Forging b -> Forging a");
  });

  test("to what failed stall the run", async () => {
    const world = new World();
    const engine = engineOn(world);
    world.store.apply(forgings, aForging({}, "ingot"));
    await settle(world, engine, "ingot");
    for (const job of world.openJobs()) world.endJob(job, [badly("InvalidData", 64)]);
    await settle(world, engine, "ingot");
    world.store.apply(forgings, aForging({ from: "ingot" }));
    expect(await settle(world, engine)).toMatchObject({ kind: "stalled", reason: "InputFailed" });
  });

  test("hold the deletion of what they name until they have ended, and say so", async () => {
    const world = new World();
    const engine = engineOn(world);
    world.store.apply(forgings, aForging({}, "ingot"));
    await settle(world, engine, "ingot");
    for (let stage = 0; stage < 2; stage++) {
      for (const job of world.openJobs()) world.endJob(job, [well]);
      await settle(world, engine, "ingot");
    }
    world.store.apply(forgings, aForging({ from: "ingot" }));
    await settle(world, engine);
    world.store.delete(forgings, readForging(world, "ingot"));
    await settle(world, engine, "ingot");
    expect(conditionOf(readForging(world, "ingot"), "InUse")?.message).toContain("Forging blade");
    expect(reasons(world)).toContain("Deleting");
    await play(world, engine, well);
    await play(world, engine, well);
    expect(conditionOf(readForging(world))?.status).toBe("True");
    await reconcileForging(engine, "ingot");
    expect(world.store.get(forgings, namespace, "ingot")).toBeUndefined();
  });

  test("of objects that are being deleted hold nobody", async () => {
    const world = new World();
    const engine = engineOn(world);
    world.store.apply(forgings, aForging({}, "ingot"));
    await settle(world, engine, "ingot");
    for (let stage = 0; stage < 2; stage++) {
      for (const job of world.openJobs()) world.endJob(job, [well]);
      await settle(world, engine, "ingot");
    }
    world.store.apply(forgings, aForging({ from: "ingot" }));
    await settle(world, engine);
    world.store.setFinalizer(forgings, readForging(world), "example.dev/archive", true);
    world.store.delete(forgings, readForging(world));
    world.store.delete(forgings, readForging(world, "ingot"));
    await reconcileForging(engine, "ingot");
    expect(world.store.get(forgings, namespace, "ingot")).toBeUndefined();
  });

  test("an object without an artifact is held by nobody", async () => {
    const world = new World();
    const engine = engineOn(world);
    world.store.apply(forgings, aForging({}, "ingot"));
    await settle(world, engine, "ingot");
    world.store.apply(forgings, aForging({ from: "ingot" }));
    await settle(world, engine);
    world.store.delete(forgings, readForging(world, "ingot"));
    await reconcileForging(engine, "ingot");
    expect(world.store.get(forgings, namespace, "ingot")).toBeUndefined();
  });
});

test("progress of the running program stands in status, with its share of the whole and the time left", async () => {
  const world = new World();
  const said = {
    stage: "melt",
    step: 30,
    total: 40,
    unit: "file",
    metrics: { loss: 2.123456789, tokens_per_second: 100 },
    since: "2026-01-01T00:00:00Z",
    updated: "2026-01-01T00:01:00Z",
    checkpoint_step: 20,
  };
  const engine = engineOn(world, world.cluster, async (podIP) => (podIP === "10.0.0.1" ? said : undefined));
  world.store.apply(forgings, aForging());
  await settle(world, engine);
  for (const job of world.openJobs()) world.startPods(job);
  await settle(world, engine);
  expect(readForging(world).status?.progress).toEqual({
    stage: "melt",
    step: 30,
    total: 40,
    unit: "file",
    percent: "37%",
    eta: "20s",
    checkpointStep: 20,
    metrics: [
      { name: "loss", value: "2.12346" },
      { name: "tokens_per_second", value: "100" },
    ],
    updateTime: "2026-01-01T00:01:00Z",
  });
  expect(conditionOf(readForging(world))).toMatchObject({ status: "Unknown", reason: "Running" });
  // What was told stays when the pod does not answer.
  await settle(world, engineOn(world));
  expect(readForging(world).status?.progress?.step).toBe(30);
});

test("with policies asked for, a run gets one before its pods, and it is put right when somebody changes it", async () => {
  const world = new World();
  const engine = { ...engineOn(world), networkPolicies: NetworkPolicies.parse({ enabled: true }) };
  world.store.apply(forgings, aForging());
  await settle(world, engine);
  const [policy] = world.store.list(networkPolicies);
  const [job] = world.store.list(jobs);
  expect(policy?.metadata.ownerReferences?.[0]?.kind).toBe("Forging");
  expect(Number(policy?.metadata.resourceVersion)).toBeLessThan(Number(job?.metadata.resourceVersion));
  if (policy === undefined) throw new Error("no policy");

  world.store.apply(networkPolicies, { ...policy, spec: { ...policy.spec, ingress: [{}] } });
  await settle(world, engine);
  expect(world.store.list(networkPolicies)[0]?.spec).toEqual(policy.spec);
});
