import { describe, expect, test } from "vitest";
import { claims, configMaps, events, jobs, pods } from "../cluster/resource.ts";
import {
  anExampleRun,
  conditionOf,
  engineOn,
  exampleRuns,
  readExample,
  settle,
  startedExample,
} from "../testing/example-runs.ts";
import { badly, type Ending, namespace, TestEnv, well } from "../testing/test-env.ts";

type Spec = Record<string, unknown>;

async function started(spec: Spec = {}) {
  const { env, engine } = await startedExample(spec);
  const change = async (changes: Spec) => {
    env.store.apply(exampleRuns, anExampleRun({ ...spec, ...changes }));
    return settle(env, engine);
  };
  const play = async (...endings: Ending[]) => {
    for (const job of env.openJobs()) env.endJob(job, endings);
    return settle(env, engine);
  };
  return { env, engine, change, play };
}

const status = (env: TestEnv) => readExample(env).status;
const jobNames = (env: TestEnv) => env.store.list(jobs).map((job) => job.metadata.name);
const notes = (env: TestEnv, reason: string) =>
  env.store.list(events).flatMap((event) => (event.reason === reason ? [event.note] : []));

const invalid = badly("InvalidData", 64);
const broken = badly("InternalError", 1);

describe("a retry", () => {
  test("begins a failed run again at the stage that failed, and numbers go on", async () => {
    const { env, change, play } = await started();
    await play(well);
    await play(invalid);
    expect(status(env)?.completionTime).toBeDefined();
    await change({ retry: 1 });
    expect(status(env)).toMatchObject({
      observedRetry: 1,
      retryTime: "2026-01-01T00:00:00Z",
      stages: [
        { name: "prepare", state: "Succeeded" },
        { name: "build", state: "Running" },
      ],
      attempts: [
        { stage: "prepare", number: 1, reason: "StageCompleted" },
        { stage: "build", number: 1, reason: "InvalidData", retried: true },
        { stage: "build", number: 2, jobName: "examplerun-demo-build-2" },
      ],
    });
    expect(status(env)?.completionTime).toBeUndefined();
    expect(status(env)?.attempts?.[2]?.endTime).toBeUndefined();
    expect(conditionOf(readExample(env))?.status).toBe("Unknown");
    expect(conditionOf(readExample(env), "Stalled")).toBeUndefined();
    expect(notes(env, "Retried")).toEqual(["spec.retry is 1: stage build begins again"]);
    await play(well);
    expect(conditionOf(readExample(env))).toMatchObject({ status: "True", reason: "Completed" });
    expect(status(env)).toMatchObject({ completedStages: ["build", "prepare"] });
  });

  test("is made once, whatever else changes", async () => {
    const { env, change, play } = await started();
    await play(invalid);
    await change({ retry: 1 });
    await play(invalid);
    await change({ retry: 1, ttlSecondsAfterFinished: 1000 });
    expect(status(env)?.completionTime).toBeDefined();
    expect(jobNames(env)).toEqual(["examplerun-demo-prepare-2"]);
    await change({ retry: 7 });
    expect(status(env)?.attempts?.map(({ number }) => number)).toEqual([1, 2, 3]);
  });

  test("taken back by a GitOps tool is not another one", async () => {
    const { env, change, play } = await started();
    await play(invalid);
    await change({ retry: 1 });
    await play(invalid);
    await change({ retry: 0 });
    expect(status(env)).toMatchObject({ observedRetry: 0, attempts: [{ number: 1 }, { number: 2 }] });
    expect(status(env)?.completionTime).toBeDefined();
    await change({ retry: 1 });
    expect(status(env)?.attempts?.length).toBe(3);
  });

  test("of a run that works restarts nothing and says so", async () => {
    const { env, change, play } = await started();
    const before = env.store.list(jobs);
    await change({ retry: 1 });
    expect(env.store.list(jobs)).toEqual(before);
    expect(status(env)).toMatchObject({ observedRetry: 1, attempts: [{ number: 1 }] });
    expect(notes(env, "RetryIgnored")).toEqual([
      "spec.retry is 1: the run has not ended, so there is nothing to retry",
    ]);
    // What was asked of the healthy run is not owed to it when it fails.
    await play(invalid);
    expect(status(env)?.completionTime).toBeDefined();
  });

  test("of a run that succeeded does nothing and says so", async () => {
    const { env, change, play } = await started();
    await play(well);
    await play(well);
    const { completionTime, artifact } = status(env) ?? {};
    await change({ retry: 1 });
    expect(status(env)).toMatchObject({ observedRetry: 1, completionTime, artifact });
    expect(conditionOf(readExample(env))).toMatchObject({ reason: "Completed", observedGeneration: 2 });
    expect(notes(env, "RetryIgnored")).toEqual([
      "spec.retry is 1: the run has succeeded, so there is nothing to retry",
    ]);
  });

  test("counted before the run existed is only noted", async () => {
    const { env } = await started({ retry: 5 });
    expect(status(env)).toMatchObject({ observedRetry: 5, attempts: [{ number: 1 }] });
    expect(notes(env, "RetryIgnored")).toEqual([]);
  });

  test("gives a new restart budget, at once", async () => {
    const { env, change, play } = await started({ failurePolicy: { maxRestarts: 1 } });
    await play(broken);
    env.clock.advance(60_000);
    await play();
    await play(broken);
    expect(conditionOf(readExample(env))?.reason).toBe("RestartsExhausted");
    await change({ retry: 1 });
    expect(status(env)).toMatchObject({ restarts: 0 });
    expect(jobNames(env)).toContain("examplerun-demo-prepare-3");
    await play(broken);
    expect(status(env)).toMatchObject({ restarts: 1 });
    expect(status(env)?.completionTime).toBeUndefined();
  });

  test("does not hold the memory that an attempt before it lacked against the next", async () => {
    const { env, change, play } = await started();
    const killed: Ending = { exitCode: 137, reason: "OOMKilled" };
    await play(killed);
    env.clock.advance(60_000);
    await play();
    await play(killed);
    expect(conditionOf(readExample(env))?.reason).toBe("OutOfMemory");
    await change({ retry: 1, compute: { resources: { memory: "8Gi" } } });
    const [job] = env.openJobs();
    expect(job?.metadata.name).toBe("examplerun-demo-prepare-3");
    expect(job?.spec.template.spec.containers[0]?.resources?.limits?.memory).toBe("8Gi");
    await play(killed);
    expect(conditionOf(readExample(env))?.reason).toBe("StageRestarted");
  });

  test("tells of damaged checkpoints that an attempt passed over", async () => {
    const { env, play } = await started();
    const result = {
      reason: "Completed",
      message: "all is well",
      metrics: {},
      resumed_from_step: 40,
      checkpoints_passed_over: 2,
    } as const;
    await play({ exitCode: 0, result });
    expect(status(env)?.attempts?.[0]).toMatchObject({
      resumedFromStep: 40,
      checkpointsPassedOver: 2,
      reason: "StageCompleted",
    });
    expect(notes(env, "CheckpointPassedOver")).toEqual([
      "stage prepare, attempt 1: the newest 2 checkpoint(s) are not as they were written; resumed from step 40",
    ]);
  });

  test("counts activeDeadlineSeconds from its own time", async () => {
    const { env, engine, change } = await started({ activeDeadlineSeconds: 100 });
    env.clock.advance(100_000);
    await settle(env, engine);
    expect(status(env)?.attempts).toMatchObject([{ number: 1, reason: "DeadlineExceeded" }]);
    env.clock.advance(1_000_000);
    await change({ retry: 1 });
    expect(status(env)?.completionTime).toBeUndefined();
    expect(jobNames(env)).toEqual(["examplerun-demo-prepare-2"]);
    env.clock.advance(99_000);
    await settle(env, engine);
    expect(status(env)?.completionTime).toBeUndefined();
    env.clock.advance(1000);
    await settle(env, engine);
    expect(conditionOf(readExample(env))).toMatchObject({
      reason: "DeadlineExceeded",
      message: expect.stringContaining("100 s after its last retry"),
    });
  });

  test("waits for pods of the attempt that the deadline ended, and does not read their ending", async () => {
    const { env, engine, change } = await started({ activeDeadlineSeconds: 100 });
    const [job] = env.openJobs();
    if (job === undefined) throw new Error("the run has no Job");
    const running = env.startPods(job);
    env.clock.advance(100_000);
    await settle(env, engine);
    await change({ retry: 1 });
    expect(jobNames(env)).toEqual([]);
    expect(conditionOf(readExample(env))?.reason).toBe("WaitingForPods");
    for (const pod of running) {
      const current = env.store.get(pods, namespace, pod.metadata.name) ?? pod;
      env.store.updateStatus(pods, { ...current, status: { phase: "Failed" } });
    }
    await settle(env, engine);
    expect(jobNames(env)).toEqual(["examplerun-demo-prepare-2"]);
    expect(status(env)?.attempts?.at(-1)).toMatchObject({ number: 2, jobName: "examplerun-demo-prepare-2" });
    expect(status(env)?.attempts?.at(-1)?.endTime).toBeUndefined();
  });

  test("finds the results of completed stages after ttlSecondsAfterFinished", async () => {
    const { env, engine, change, play } = await started({ ttlSecondsAfterFinished: 10 });
    await play(well);
    await play(invalid);
    env.clock.advance(10_000);
    await settle(env, engine);
    expect(jobNames(env)).toEqual([]);
    expect(env.store.list(configMaps).length).toBe(1);
    await change({ retry: 1 });
    await play(well);
    expect(status(env)).toMatchObject({ completedStages: ["build", "prepare"] });
  });

  test("fails again, before any pod, where the kind refuses what the run was changed to", async () => {
    const { env, change, play } = await started();
    await play(invalid);
    await change({ retry: 1, needsBytes: 3 * 2 ** 30 });
    expect(conditionOf(readExample(env))).toMatchObject({ status: "False", reason: "InsufficientMemory" });
    expect(status(env)?.completionTime).toBeDefined();
    expect(status(env)?.attempts?.length).toBe(1);
    await change({ retry: 2, needsBytes: 1 });
    expect(status(env)).toMatchObject({ plan: { memoryPerRankBytes: 1 }, attempts: [{}, { number: 2 }] });
  });
});

describe("a finished run", () => {
  test("says of every change it takes that it was seen", async () => {
    const { env, change, play } = await started();
    await play(invalid);
    await change({ ttlSecondsAfterFinished: 1000 });
    const { metadata, status } = readExample(env);
    expect(metadata.generation).toBe(2);
    expect(status?.observedGeneration).toBe(2);
    expect(status?.conditions?.map(({ observedGeneration }) => observedGeneration)).toEqual(
      status?.conditions?.map(() => 2),
    );
  });
});

describe("a directory of a deleted run", () => {
  const storage = { claimName: "shared" };

  async function withClaim() {
    const env = new TestEnv();
    const engine = engineOn(env);
    env.store.apply(claims, {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "shared", namespace },
      spec: { accessModes: ["ReadWriteMany"], resources: { requests: { storage: "1Gi" } } },
    });
    const run = async (name: string, adopt?: string) => {
      env.store.apply(exampleRuns, anExampleRun({ storage: { ...storage, adopt } }, name));
      await settle(env, engine, name);
      return readExample(env, name);
    };
    return { env, engine, run };
  }

  test("is shown while the run is there, and another run writes to it that names it", async () => {
    const { env, engine, run } = await withClaim();
    const first = await run("demo");
    const directory = first.status?.storage?.directory;
    expect(first.status?.storage).toEqual({
      claimName: "shared",
      directory: `exampleruns/demo-${first.metadata.uid.slice(0, 8)}`,
    });
    env.store.delete(exampleRuns, first);
    await settle(env, engine);
    const second = await run("heir", directory);
    expect(second.status?.storage?.directory).toBe(directory);
    const job = env.store.get(jobs, namespace, "examplerun-heir-prepare-1");
    expect(job?.spec.template.spec.containers[0]?.volumeMounts).toContainEqual(
      expect.objectContaining({ subPath: directory }),
    );
  });

  test("is not shared with the run whose own it is", async () => {
    const { env, engine, run } = await withClaim();
    const first = await run("demo");
    const directory = first.status?.storage?.directory;
    const second = await run("heir", directory);
    expect(conditionOf(second)).toMatchObject({
      reason: "NameTaken",
      message: `ExampleRun demo writes to ${directory}, which spec.storage.adopt names; delete it first, its directory stays`,
    });
    env.store.delete(exampleRuns, first);
    await settle(env, engine);
    await settle(env, engine, "heir");
    expect(env.store.get(jobs, namespace, "examplerun-heir-prepare-1")).toBeDefined();
  });

  test("has one heir at a time: who has begun in it, else who asked first", async () => {
    const { env, engine, run } = await withClaim();
    const directory = "exampleruns/gone-12345678";
    await run("zoe", directory);
    env.clock.advance(5000);
    expect(conditionOf(await run("adam", directory))?.reason).toBe("NameTaken");
    await settle(env, engine, "zoe");
    expect(conditionOf(readExample(env, "zoe"))?.reason).not.toBe("NameTaken");
  });
});
