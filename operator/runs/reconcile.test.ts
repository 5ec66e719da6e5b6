import { describe, expect, test } from "vitest";
import { NetworkPolicies, PodDefaults } from "../api/configuration.ts";
import { type Cluster, InvalidError } from "../cluster/port.ts";
import {
  claims,
  configMaps,
  events,
  jobs,
  networkPolicies,
  podGroups,
  pods,
  services,
} from "../cluster/resource.ts";
import { inUseFinalizer } from "../engine/references.ts";
import {
  anExampleRun,
  conditionOf,
  engineOn,
  exampleRuns,
  readExample,
  reconcileExample,
  settle,
  startedExample,
} from "../testing/example-runs.ts";
import { aClaim, badly, digest, namespace, TestEnv, well } from "../testing/test-env.ts";

const jobNames = (env: TestEnv) => env.store.list(jobs).map((job) => job.metadata.name);
const reasons = (env: TestEnv) => env.store.list(events).map((event) => event.reason);

/** Ends the Jobs that run, and lets the engine see it. */
async function play(
  env: TestEnv,
  engine: ReturnType<typeof engineOn>,
  ...endings: Parameters<TestEnv["endJob"]>[1]
) {
  for (const job of env.openJobs()) env.endJob(job, endings);
  return settle(env, engine);
}

describe("a run", () => {
  test("gets its finalizer before anything is made for it", async () => {
    const env = new TestEnv();
    env.store.apply(exampleRuns, anExampleRun());
    await reconcileExample(engineOn(env));
    expect(readExample(env).metadata.finalizers).toEqual([inUseFinalizer]);
    expect(jobNames(env)).toEqual([]);
  });

  test("that asks for what the platform keeps to itself starts nothing", async () => {
    const compute = { priorityClassName: "system-node-critical" };
    const { env, engine } = await startedExample({ compute });
    expect(conditionOf(readExample(env))).toMatchObject({
      status: "False",
      reason: "NotAllowed",
      message: expect.stringContaining("spec.compute.priorityClassName"),
    });
    expect([...env.store.list(jobs), ...env.store.list(claims), ...env.store.list(configMaps)]).toEqual([]);
    expect(reasons(env)).toEqual(["NotAllowed"]);
    env.store.apply(exampleRuns, anExampleRun({ compute: { priorityClassName: "batch" } }));
    await settle(env, engine);
    expect(jobNames(env)).toEqual(["examplerun-demo-prepare-1"]);
  });

  test("has its plan, claim, ConfigMap and first Job once it has started", async () => {
    const { env } = await startedExample();
    const run = readExample(env);
    expect(run.status).toMatchObject({
      observedGeneration: 1,
      startTime: "2026-01-01T00:00:00Z",
      plan: { ranks: 2 },
      stages: [
        { name: "prepare", state: "Running" },
        { name: "build", state: "Pending" },
      ],
      attempts: [{ stage: "prepare", number: 1, jobName: "examplerun-demo-prepare-1" }],
      progress: { stage: "prepare", percent: "0%" },
    });
    expect(conditionOf(run)).toMatchObject({ status: "Unknown", reason: "WaitingForPods" });
    expect(conditionOf(run, "Reconciling")?.status).toBe("True");
    expect(env.store.list(claims).map((claim) => claim.metadata.name)).toEqual(["examplerun-demo"]);
    const [configMap] = env.store.list(configMaps);
    expect(JSON.parse(configMap?.data["config.json"] ?? "")).toMatchObject({
      run: { kind: "ExampleRun", name: "demo", stage: "prepare", attempt: 1 },
      output: "output/prepare",
      threads: 1,
    });
    expect(env.store.list(services)).toEqual([]);
  });

  test("goes through its stages to an artifact with its path, parents and figures", async () => {
    const { env, engine } = await startedExample();
    await play(env, engine, well);
    expect(jobNames(env)).toEqual(["examplerun-demo-build-1", "examplerun-demo-prepare-1"]);
    expect(env.store.get(services, namespace, "examplerun-demo-build-1")?.spec.clusterIP).toBe("None");
    await play(env, engine, well);
    const run = readExample(env);
    const directory = `exampleruns/demo-${run.metadata.uid.slice(0, 8)}`;
    expect(run.status).toMatchObject({
      completionTime: "2026-01-01T00:00:00Z",
      progress: { percent: "100%", metrics: [{ name: "loss", value: "1.5" }] },
      completedStages: ["build", "prepare"],
      artifact: {
        type: "model",
        stage: "build",
        claimName: "examplerun-demo",
        path: `${directory}/build`,
        digest: digest("a"),
        contextLength: 128,
      },
    });
    expect(conditionOf(run)).toMatchObject({ status: "True", reason: "Completed" });
    expect(conditionOf(run, "Ready")?.status).toBe("True");
    expect(conditionOf(run, "Reconciling")).toBeUndefined();
    expect(new Set(reasons(env))).toEqual(new Set(["StageStarted", "StageCompleted", "Completed"]));
  });

  test("writes nothing when nothing has changed", async () => {
    const { env, engine } = await startedExample();
    await play(env, engine, well);
    const before = [...env.store.everything()].map(({ object }) => object.metadata.resourceVersion);
    await reconcileExample(engine);
    await reconcileExample(engine);
    expect([...env.store.everything()].map(({ object }) => object.metadata.resourceVersion)).toEqual(before);
  });

  test("starts no pods while the kind refuses, and begins when the spec is mended", async () => {
    const { env, engine } = await startedExample({ needsBytes: 3 * 2 ** 30 });
    expect(jobNames(env)).toEqual([]);
    expect(conditionOf(readExample(env))).toMatchObject({
      status: "False",
      reason: "InsufficientMemory",
      message: "3221225472 bytes are too many",
    });
    expect(conditionOf(readExample(env), "Stalled")?.status).toBe("True");
    env.store.apply(exampleRuns, anExampleRun({ needsBytes: 1 }));
    await settle(env, engine);
    expect(jobNames(env)).toEqual(["examplerun-demo-prepare-1"]);
  });

  test("fails for good on exit 64, with the kernel's reason", async () => {
    const { env, engine } = await startedExample();
    const outcome = await play(env, engine, badly("InvalidData", 64), well);
    const run = readExample(env);
    expect(conditionOf(run)).toMatchObject({
      status: "False",
      reason: "InvalidData",
      message: "it was InvalidData",
    });
    expect(run.status?.stages?.[0]?.state).toBe("Failed");
    expect(run.status?.completionTime).toBeDefined();
    expect(outcome.kind).toBe("done");
    env.clock.advance(3_600_000);
    await settle(env, engine);
    expect(jobNames(env)).toEqual(["examplerun-demo-prepare-1"]);
  });

  test("goes on with a new attempt after its backoff, and sweeps the old one once the new one is known", async () => {
    const { env, engine } = await startedExample();
    expect(await play(env, engine, badly("PeerLost", 75), well)).toEqual({ kind: "again", afterSeconds: 5 });
    expect(jobNames(env)).toEqual(["examplerun-demo-prepare-1"]);
    expect(readExample(env).status?.attempts?.[0]).toMatchObject({
      reason: "PeerLost",
      exitCode: 75,
      counted: false,
    });
    env.clock.advance(5000);
    await settle(env, engine);
    expect(jobNames(env)).toEqual(["examplerun-demo-prepare-2"]);
    expect(env.store.list(configMaps).map(({ metadata }) => metadata.name)).toEqual([
      "examplerun-demo-prepare-2",
    ]);
    expect(readExample(env).status?.restarts).toBe(0);
  });

  test("waits for pods of the attempt before that may still write", async () => {
    const { env, engine } = await startedExample();
    const [job] = env.openJobs();
    if (job === undefined) throw new Error("no Job");
    env.startPods(job);
    env.store.delete(jobs, job);
    await settle(env, engine);
    expect(jobNames(env)).toEqual([]);
    expect(conditionOf(readExample(env))?.reason).toBe("WaitingForPods");
    for (const pod of env.store.list(pods))
      env.store.updateStatus(pods, { ...pod, status: { phase: "Failed" } });
    await settle(env, engine);
    expect(jobNames(env)).toEqual(["examplerun-demo-prepare-1"]);
  });

  test("does not render a Job that exists anew", async () => {
    const { env } = await startedExample();
    const before = env.store.list(jobs);
    await settle(env, { ...engineOn(env), podDefaults: PodDefaults.parse({ image: "kernels:newer" }) });
    expect(env.store.list(jobs)).toEqual(before);
  });

  test("gets a PodGroup for each attempt of a gang, again where it was taken away", async () => {
    const [podGroupResource] = podGroups;
    if (podGroupResource === undefined) throw new Error("no version of PodGroups is known");
    const env = new TestEnv();
    const engine = { ...engineOn(env), podGroupResource };
    const names = () => env.store.list(podGroupResource).map(({ metadata }) => metadata.name);
    env.store.apply(exampleRuns, anExampleRun());
    await settle(env, engine);
    expect(names()).toEqual([]);
    await play(env, engine, well, well);
    expect(names()).toEqual(["examplerun-demo-build-1"]);
    for (const podGroup of env.store.list(podGroupResource)) env.store.delete(podGroupResource, podGroup);
    await settle(env, engine);
    expect(names()).toEqual(["examplerun-demo-build-1"]);
    await play(env, engine, badly("InternalError", 1));
    env.clock.advance(60_000);
    await settle(env, engine);
    expect(names()).toEqual(["examplerun-demo-build-2"]);
  });

  test("leaves nothing of earlier attempts, also where the last one ended before it was looked at", async () => {
    const { env, engine } = await startedExample();
    await play(env, engine, badly("InternalError", 1));
    env.clock.advance(60_000);
    await reconcileExample(engine);
    expect(jobNames(env)).toEqual(["examplerun-demo-prepare-1", "examplerun-demo-prepare-2"]);
    await play(env, engine, well, well);
    expect(jobNames(env)).toEqual(["examplerun-demo-build-1", "examplerun-demo-prepare-2"]);
  });

  test("makes a ConfigMap that was taken away again, with the same bytes", async () => {
    const { env, engine } = await startedExample();
    const [configMap] = env.store.list(configMaps);
    if (configMap === undefined) throw new Error("no ConfigMap");
    env.store.delete(configMaps, configMap);
    await settle(env, engine);
    expect(env.store.list(configMaps)[0]?.data).toEqual(configMap.data);
  });

  test.each([
    ["with a claim of its own", { size: "1Gi" }],
    ["on a shared claim", { claimName: "shared" }],
  ])("does not touch what has its names and belongs to another: %s", async (_, storage) => {
    const env = new TestEnv();
    const engine = engineOn(env);
    env.store.apply(claims, {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "shared", namespace },
      spec: { accessModes: ["ReadWriteMany"], resources: { requests: { storage: "1Gi" } } },
    });
    env.store.apply(exampleRuns, anExampleRun({ storage }));
    await settle(env, engine);
    const theirs = env.store.list(jobs);
    expect(theirs).toHaveLength(1);
    env.store.delete(exampleRuns, readExample(env));
    await settle(env, engine);
    env.store.apply(exampleRuns, anExampleRun({ storage }));
    expect(await settle(env, engine)).toMatchObject({ kind: "waiting", reason: "NameTaken" });
    expect(conditionOf(readExample(env))?.message).toContain("exists and");
    expect(env.store.list(jobs)).toEqual(theirs);
  });

  test("that the API server refuses a child of says so", async () => {
    const env = new TestEnv();
    const refuse = async () => {
      throw new InvalidError("Job", "examplerun-demo-prepare-1", [{ field: "spec", message: "no" }]);
    };
    env.store.apply(exampleRuns, anExampleRun());
    await settle(env, engineOn(env, { ...env.cluster, create: refuse }));
    expect(conditionOf(readExample(env))).toMatchObject({ status: "False", reason: "InvalidSpec" });
  });

  test("asks for no object by name but a claim that is not its own, and for that until its Job is made", async () => {
    const env = new TestEnv();
    const asked: string[] = [];
    const get: Cluster["get"] = async (resource, inNamespace, name) => {
      if (resource.plural !== exampleRuns.plural) asked.push(`${resource.kind} ${name}`);
      return env.cluster.get(resource, inNamespace, name);
    };
    const engine = engineOn(env, { ...env.cluster, get });
    env.store.apply(exampleRuns, anExampleRun());
    await settle(env, engine);
    expect(asked).toEqual([]);
    env.store.apply(claims, {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "shared", namespace },
      spec: { accessModes: ["ReadWriteMany"], resources: { requests: { storage: "1Gi" } } },
    });
    env.store.apply(exampleRuns, anExampleRun({ storage: { claimName: "shared" } }, "other"));
    await settle(env, engine, "other");
    expect(asked).toEqual(["PersistentVolumeClaim shared"]);
  });

  test("waits for the claim it is to write to", async () => {
    const { env } = await startedExample({ storage: { claimName: "absent" } });
    expect(conditionOf(readExample(env))).toMatchObject({ reason: "InputNotFound" });
    expect(jobNames(env)).toEqual([]);
  });

  test("waits for the claims it is to read before its first pod, and for none once it has begun", async () => {
    const { env, engine } = await startedExample({ reads: "pages" });
    expect(conditionOf(readExample(env))).toMatchObject({
      reason: "InputNotFound",
      message:
        "PersistentVolumeClaim pages (spec.reads) does not exist in this namespace; create it or correct the name",
    });
    expect(jobNames(env)).toEqual([]);
    const pages = env.store.apply(claims, aClaim("pages"));
    await settle(env, engine);
    expect(jobNames(env)).toHaveLength(1);
    env.store.delete(claims, pages);
    await settle(env, engine);
    expect(conditionOf(readExample(env))?.reason).not.toBe("InputNotFound");
  });

  test("lets its Jobs go after ttlSecondsAfterFinished and keeps status and claim", async () => {
    const { env, engine } = await startedExample({ ttlSecondsAfterFinished: 60 });
    await play(env, engine, well);
    expect(await play(env, engine, well)).toEqual({ kind: "again", afterSeconds: 60 });
    env.clock.advance(60_000);
    await settle(env, engine);
    expect(jobNames(env)).toEqual([]);
    expect(env.store.list(configMaps)).toEqual([]);
    expect(env.store.list(claims)).toHaveLength(1);
    expect(readExample(env).status?.artifact?.digest).toBe(digest("a"));
  });

  test("fails at its deadline and takes its pods away", async () => {
    const { env, engine } = await startedExample({ activeDeadlineSeconds: 100 });
    env.clock.advance(95_000);
    expect(await settle(env, engine)).toMatchObject({ kind: "waiting", afterSeconds: 5 });
    env.clock.advance(5000);
    await settle(env, engine);
    expect(conditionOf(readExample(env))?.reason).toBe("DeadlineExceeded");
    expect(jobNames(env)).toEqual([]);
  });
});

describe("suspension", () => {
  test("stops the Job, keeps status, and goes on with the same Job", async () => {
    const { env, engine } = await startedExample();
    env.store.apply(exampleRuns, anExampleRun({ suspend: true }));
    await settle(env, engine);
    expect(env.store.get(jobs, namespace, "examplerun-demo-prepare-1")?.spec.suspend).toBe(true);
    expect(conditionOf(readExample(env))).toMatchObject({ status: "Unknown", reason: "Suspended" });
    expect(readExample(env).status?.stages?.[0]?.state).toBe("Suspended");
    env.store.apply(exampleRuns, anExampleRun({ suspend: false }));
    await settle(env, engine);
    expect(env.store.get(jobs, namespace, "examplerun-demo-prepare-1")?.spec.suspend).toBe(false);
    expect(readExample(env).status?.stages?.[0]?.state).toBe("Running");
    expect(reasons(env)).toEqual(expect.arrayContaining(["Suspended", "Resumed"]));
  });

  test("lets the spec change, and the Job is made again from what it says then", async () => {
    const { env, engine } = await startedExample();
    const change = async (spec: Record<string, unknown>) => {
      env.store.apply(exampleRuns, anExampleRun(spec));
      return settle(env, engine);
    };
    const compute = { resources: { cpu: "3", memory: "8Gi" } };
    await change({ suspend: true });
    const [before] = env.store.list(jobs);
    await change({ suspend: true, compute });
    expect(env.store.list(jobs)[0]?.metadata.uid).toBe(before?.metadata.uid);
    await change({ suspend: false, compute });
    const [after, ...more] = env.store.list(jobs);
    expect(more).toEqual([]);
    expect(after?.metadata).toMatchObject({ name: "examplerun-demo-prepare-1" });
    expect(after?.spec.suspend).toBe(false);
    expect(after?.spec.template.spec.containers[0]?.resources?.limits?.memory).toBe("8Gi");
    const [configMap] = env.store.list(configMaps);
    expect(JSON.parse(configMap?.data["config.json"] ?? "")).toMatchObject({ threads: 3 });
    expect(readExample(env).status).toMatchObject({
      attempts: [{ number: 1 }],
      stages: [{ state: "Running" }, {}],
    });
  });

  test("begins nothing", async () => {
    const { env } = await startedExample({ suspend: true });
    expect(jobNames(env)).toEqual([]);
    expect(conditionOf(readExample(env))?.reason).toBe("Suspended");
  });

  test("takes exit 143 as what was asked for: no attempt follows before the run goes on", async () => {
    const { env, engine } = await startedExample();
    env.store.apply(exampleRuns, anExampleRun({ suspend: true }));
    const [job] = env.openJobs();
    if (job === undefined) throw new Error("no Job");
    await settle(env, engine);
    env.endJob(job, [badly("Terminated", 143)]);
    env.clock.advance(60_000);
    await settle(env, engine);
    expect(jobNames(env)).toEqual(["examplerun-demo-prepare-1"]);
    expect(conditionOf(readExample(env))?.reason).toBe("Suspended");
    env.store.apply(exampleRuns, anExampleRun({ suspend: false }));
    env.clock.advance(60_000);
    await settle(env, engine);
    expect(jobNames(env)).toEqual(["examplerun-demo-prepare-2"]);
  });

  test("takes a queued Job away, since Kueue alone may start and stop it", async () => {
    const compute = { queueName: "team-a" };
    const { env, engine } = await startedExample({ compute });
    expect(env.store.get(jobs, namespace, "examplerun-demo-prepare-1")?.spec.suspend).toBe(true);
    expect(
      env.store.get(jobs, namespace, "examplerun-demo-prepare-1")?.metadata.labels?.[
        "kueue.x-k8s.io/queue-name"
      ],
    ).toBe("team-a");
    env.store.apply(exampleRuns, anExampleRun({ compute, suspend: true }));
    await settle(env, engine);
    expect(jobNames(env)).toEqual([]);
    env.store.apply(exampleRuns, anExampleRun({ compute }));
    await settle(env, engine);
    expect(jobNames(env)).toEqual(["examplerun-demo-prepare-1"]);
  });
});

describe("references", () => {
  test("are waited for, and become parents of the artifact", async () => {
    const { env, engine } = await startedExample({ from: "parent" });
    expect(conditionOf(readExample(env))).toMatchObject({ status: "Unknown", reason: "InputNotFound" });
    env.store.apply(exampleRuns, anExampleRun({}, "parent"));
    await settle(env, engine, "parent");
    await settle(env, engine);
    expect(conditionOf(readExample(env))?.reason).toBe("InputNotReady");
    for (const stage of ["prepare", "build"]) {
      for (const job of env.openJobs()) env.endJob(job, [well]);
      await settle(env, engine, "parent");
      expect(readExample(env, "parent").status?.stages?.find(({ name }) => name === stage)?.state).toBe(
        "Succeeded",
      );
    }
    await settle(env, engine);
    await play(env, engine, well);
    await play(env, engine, well);
    const parents = [{ name: "base", digest: digest("a"), reference: "ExampleRun/parent" }];
    expect(readExample(env).status?.artifact?.parents).toEqual(parents);
  });

  test("that lead in a circle are refused", async () => {
    const env = new TestEnv();
    env.store.apply(exampleRuns, anExampleRun({ from: "b" }, "a"));
    env.store.apply(exampleRuns, anExampleRun({ from: "a" }, "b"));
    await settle(env, engineOn(env), "a");
    const condition = conditionOf(readExample(env, "a"));
    expect(condition).toMatchObject({ status: "False", reason: "CyclicReference" });
    expect(condition?.message).toContain("ExampleRun/a -> ExampleRun/b -> ExampleRun/a");
  });

  test("to what failed stall the run", async () => {
    const env = new TestEnv();
    const engine = engineOn(env);
    env.store.apply(exampleRuns, anExampleRun({}, "parent"));
    await settle(env, engine, "parent");
    for (const job of env.openJobs()) env.endJob(job, [badly("InvalidData", 64)]);
    await settle(env, engine, "parent");
    env.store.apply(exampleRuns, anExampleRun({ from: "parent" }));
    expect(await settle(env, engine)).toMatchObject({ kind: "stalled", reason: "InputFailed" });
  });

  test("hold the deletion of what they name until they have ended, and say so", async () => {
    const env = new TestEnv();
    const engine = engineOn(env);
    env.store.apply(exampleRuns, anExampleRun({}, "parent"));
    await settle(env, engine, "parent");
    for (let stage = 0; stage < 2; stage++) {
      for (const job of env.openJobs()) env.endJob(job, [well]);
      await settle(env, engine, "parent");
    }
    env.store.apply(exampleRuns, anExampleRun({ from: "parent" }));
    await settle(env, engine);
    env.store.delete(exampleRuns, readExample(env, "parent"));
    await settle(env, engine, "parent");
    expect(conditionOf(readExample(env, "parent"), "InUse")?.message).toContain("ExampleRun demo");
    expect(conditionOf(readExample(env, "parent"), "Ready")).toMatchObject({
      status: "False",
      reason: "Deleting",
    });
    expect(reasons(env)).toContain("Deleting");
    await play(env, engine, well);
    await play(env, engine, well);
    expect(conditionOf(readExample(env))?.status).toBe("True");
    await reconcileExample(engine, "parent");
    expect(env.store.get(exampleRuns, namespace, "parent")).toBeUndefined();
  });

  test("of objects that are being deleted hold nobody", async () => {
    const env = new TestEnv();
    const engine = engineOn(env);
    env.store.apply(exampleRuns, anExampleRun({}, "parent"));
    await settle(env, engine, "parent");
    for (let stage = 0; stage < 2; stage++) {
      for (const job of env.openJobs()) env.endJob(job, [well]);
      await settle(env, engine, "parent");
    }
    env.store.apply(exampleRuns, anExampleRun({ from: "parent" }));
    await settle(env, engine);
    env.store.setFinalizer(exampleRuns, readExample(env), "example.dev/archive", true);
    env.store.delete(exampleRuns, readExample(env));
    env.store.delete(exampleRuns, readExample(env, "parent"));
    await reconcileExample(engine, "parent");
    expect(env.store.get(exampleRuns, namespace, "parent")).toBeUndefined();
  });

  test("an object without an artifact is held by nobody", async () => {
    const env = new TestEnv();
    const engine = engineOn(env);
    env.store.apply(exampleRuns, anExampleRun({}, "parent"));
    await settle(env, engine, "parent");
    env.store.apply(exampleRuns, anExampleRun({ from: "parent" }));
    await settle(env, engine);
    env.store.delete(exampleRuns, readExample(env, "parent"));
    await reconcileExample(engine, "parent");
    expect(env.store.get(exampleRuns, namespace, "parent")).toBeUndefined();
  });
});

test("progress of the running program stands in status, with its share of the whole and the time left", async () => {
  const env = new TestEnv();
  const said = {
    stage: "prepare",
    step: 30,
    total: 40,
    unit: "file",
    metrics: { loss: 2.123456789, tokens_per_second: 100 },
    since: "2026-01-01T00:00:00Z",
    updated: "2026-01-01T00:01:00Z",
    checkpoint_step: 20,
    funnel: [
      {
        ...{ step: "read", language: "ja" as const, documents_in: 12, documents_out: 12 },
        ...{ bytes_in: 1, bytes_out: 1, dropped: {} },
      },
    ],
  };
  const engine = engineOn(env, env.cluster, (_, leader) =>
    leader.status?.podIP === "10.0.0.1" ? said : undefined,
  );
  env.store.apply(exampleRuns, anExampleRun());
  await settle(env, engine);
  for (const job of env.openJobs()) env.startPods(job);
  await settle(env, engine);
  // What the kind makes of a stage that has not ended stands beside it.
  expect(readExample(env).status).toMatchObject({ documentsSeen: 12 });
  expect(readExample(env).status?.progress).toEqual({
    stage: "prepare",
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
    lastStepTime: "2026-01-01T00:00:00Z",
  });
  expect(conditionOf(readExample(env))).toMatchObject({ status: "Unknown", reason: "Running" });
  // What was told stays when the pod does not answer.
  await settle(env, engineOn(env));
  expect(readExample(env).status?.progress?.step).toBe(30);
});

test("with policies asked for, a run gets one before its pods, and it is put right when somebody changes it", async () => {
  const env = new TestEnv();
  const engine = { ...engineOn(env), networkPolicies: NetworkPolicies.parse({ enabled: true }) };
  env.store.apply(exampleRuns, anExampleRun());
  await settle(env, engine);
  const [policy] = env.store.list(networkPolicies);
  const [job] = env.store.list(jobs);
  expect(policy?.metadata.ownerReferences?.[0]?.kind).toBe("ExampleRun");
  expect(Number(policy?.metadata.resourceVersion)).toBeLessThan(Number(job?.metadata.resourceVersion));
  if (policy === undefined) throw new Error("no policy");

  env.store.apply(networkPolicies, { ...policy, spec: { ...policy.spec, ingress: [{}] } });
  await settle(env, engine);
  expect(env.store.list(networkPolicies)[0]?.spec).toEqual(policy.spec);
});
