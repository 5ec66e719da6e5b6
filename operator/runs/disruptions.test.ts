import { describe, expect, test } from "vitest";
import { timestamp } from "../clock/clock.ts";
import type { Job, Pod } from "../cluster/objects.ts";
import { type Cluster, ForbiddenError, UnknownKindError } from "../cluster/port.ts";
import { events, jobs, pods } from "../cluster/resource.ts";
import { containerName } from "../engine/kernel-pod.ts";
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
import { badly, exampleKind, namespace, TestEnv } from "../testing/test-env.ts";
import { reconcileRun } from "./reconcile.ts";

/** What the cluster and people do to a run, and what the run says of it. */

function theJob(env: TestEnv): Job {
  const [job] = env.store.list(jobs);
  if (job === undefined) throw new Error("there is no Job");
  return job;
}

const told = (env: TestEnv) => env.store.list(events).map(({ reason }) => reason);

/** A Warning of the cluster's own controllers. */
function complain(env: TestEnv, about: Job | Pod, reason: string, note: string, name = "complaint") {
  const { namespace, uid } = about.metadata;
  env.store.apply(events, {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { name: `${about.metadata.name}.${name}`, namespace },
    type: "Warning",
    reason,
    note,
    action: "",
    regarding: { apiVersion: about.apiVersion, kind: about.kind, namespace, name: about.metadata.name, uid },
    reportingController: "job-controller",
    reportingInstance: "",
    eventTime: timestamp(env.clock.now()),
  });
}

/** The pods' containers run; their node answers or has fallen silent at `silentSince`. */
function run(env: TestEnv, running: readonly Pod[], silentSince?: string): void {
  for (const pod of running) {
    const now = timestamp(env.clock.now());
    const ready = { type: "Ready", status: silentSince ? ("False" as const) : ("True" as const) };
    const current = env.store.get(pods, namespace, pod.metadata.name) ?? pod;
    env.store.updateStatus(pods, {
      ...current,
      status: {
        phase: "Running",
        podIP: current.status?.podIP,
        conditions: [{ ...ready, reason: "", message: "", lastTransitionTime: silentSince ?? now }],
        containerStatuses: [
          {
            name: containerName,
            ready: true,
            restartCount: 0,
            state: current.status?.containerStatuses?.[0]?.state ?? { running: { startedAt: now } },
          },
        ],
      },
    });
  }
}

describe("what others refuse", () => {
  test("a child that a quota forbids is named, with an Event, and made once it may be", async () => {
    const env = new TestEnv();
    let forbidden = true;
    const cluster: Cluster = {
      ...env.cluster,
      create: async (resource, wanted) => {
        if (forbidden && resource.kind === "Job")
          throw new ForbiddenError("exceeded quota: count/jobs.batch=0");
        return env.cluster.create(resource, wanted);
      },
    };
    env.store.apply(exampleRuns, anExampleRun());
    const outcome = await settle(env, engineOn(env, cluster));
    expect(outcome).toMatchObject({ kind: "waiting", afterSeconds: 30 });
    expect(conditionOf(readExample(env))).toMatchObject({
      status: "Unknown",
      reason: "FailedCreate",
      message: expect.stringMatching(/^Job examplerun-demo-prepare-1 is refused: .*exceeded quota/),
    });
    expect(told(env)).toEqual(["FailedCreate"]);
    forbidden = false;
    await settle(env, engineOn(env, cluster));
    expect(theJob(env).metadata.name).toBe("examplerun-demo-prepare-1");
  });

  test("pods that are refused are told of in the words of their Job's newest Warning", async () => {
    const { env, engine } = await startedExample();
    complain(env, theJob(env), "FailedCreate", "Error creating: older", "older");
    await settle(env, engine);
    expect(conditionOf(readExample(env))?.reason, "a new Job has a moment").toBe("WaitingForPods");
    env.clock.advance(5_000);
    complain(env, theJob(env), "FailedCreate", 'Error creating: pods "x" is forbidden: exceeded quota: gpus');
    await settle(env, engine);
    expect(conditionOf(readExample(env))).toMatchObject({
      reason: "FailedCreate",
      message:
        'stage prepare: 0 of 2 pods of Job examplerun-demo-prepare-1 are created: FailedCreate: Error creating: pods "x" is forbidden: exceeded quota: gpus',
    });
    expect(told(env)).toContain("FailedCreate");
    env.startPods(theJob(env));
    await settle(env, engine);
    expect(conditionOf(readExample(env))?.reason).toBe("Running");
  });

  test("a pod that was placed and cannot start says why", async () => {
    const { env, engine } = await startedExample();
    const [pod] = env.startPods(theJob(env));
    if (pod === undefined) throw new Error("no pod");
    const scheduled = { type: "PodScheduled", status: "True" as const, reason: "", message: "" };
    const waiting = { name: containerName, ready: false, restartCount: 0 };
    env.store.updateStatus(pods, {
      ...pod,
      status: {
        phase: "Pending",
        conditions: [{ ...scheduled, lastTransitionTime: timestamp(env.clock.now()) }],
        containerStatuses: [{ ...waiting, state: { waiting: { reason: "ContainerCreating" } } }],
      },
    });
    complain(env, pod, "FailedMount", 'secret "keys" not found');
    env.clock.advance(5_000);
    await settle(env, engine);
    expect(conditionOf(readExample(env))).toMatchObject({
      reason: "WaitingForPods",
      message: `stage prepare: pod ${pod.metadata.name}: ContainerCreating: FailedMount: secret "keys" not found`,
    });
  });

  test("a reconcile that throws for a while is told of, and a run that has ended stays as it is", async () => {
    const { env, engine } = await startedExample();
    const reconciler = reconcileRun(exampleKind, engine);
    await reconciler.failed?.({ namespace, name: "demo" }, "failed calling webhook");
    expect(conditionOf(readExample(env))).toMatchObject({
      status: "Unknown",
      reason: "ReconcileFailed",
      message: "the operator fails at this run and tries again: failed calling webhook",
    });
    expect(told(env)).toContain("ReconcileFailed");
    await settle(env, engine);
    expect(conditionOf(readExample(env))?.reason).toBe("WaitingForPods");
    env.endJob(theJob(env), [badly("InvalidData", 64)]);
    await settle(env, engine);
    await reconciler.failed?.({ namespace, name: "demo" }, "failed calling webhook");
    expect(conditionOf(readExample(env))?.reason).toBe("InvalidData");
  });
});

describe("a Job that somebody else", () => {
  const suspendBySomebody = (env: TestEnv) => {
    const job = theJob(env);
    env.store.apply(jobs, { ...job, spec: { ...job.spec, suspend: true } });
  };

  test("suspended stays so, and the run says whose turn it is", async () => {
    const { env, engine } = await startedExample();
    suspendBySomebody(env);
    const before = theJob(env).metadata.resourceVersion;
    for (let look = 0; look < 3; look++) await reconcileExample(engine);
    expect(theJob(env)).toMatchObject({ metadata: { resourceVersion: before }, spec: { suspend: true } });
    expect(conditionOf(readExample(env))).toMatchObject({
      reason: "JobSuspended",
      message: expect.stringContaining("kubectl patch job examplerun-demo-prepare-1"),
    });
    expect(told(env)).toContain("JobSuspended");
  });

  test("suspended is not resumed by a run that is suspended and resumed meanwhile", async () => {
    const { env, engine } = await startedExample();
    suspendBySomebody(env);
    env.store.apply(exampleRuns, anExampleRun({ suspend: true }));
    await settle(env, engine);
    env.store.apply(exampleRuns, anExampleRun({ suspend: false }));
    await settle(env, engine);
    expect(theJob(env).spec.suspend).toBe(true);
  });

  test("queues is waited for by name, and why in Kueue's words", async () => {
    const { env, engine } = await startedExample({ compute: { queueName: "team-a" } });
    const waits = "stage prepare: Job examplerun-demo-prepare-1 waits until LocalQueue team-a admits it";
    expect(conditionOf(readExample(env))).toMatchObject({ reason: "Queued", message: waits });
    const job = theJob(env);
    const said = async (status: string) => {
      const condition = { type: "QuotaReserved", status, reason: "Pending", message: "insufficient quota" };
      const metadata = { name: "job", namespace, labels: { "kueue.x-k8s.io/job-uid": job.metadata.uid } };
      const workload = { kind: "Workload", metadata, status: { conditions: [condition] } };
      const cluster: Cluster = {
        ...env.cluster,
        list: async (resource, filter) =>
          resource.kind === "Workload" && filter?.labels?.["kueue.x-k8s.io/job-uid"] === job.metadata.uid
            ? [workload as never]
            : env.cluster.list(resource, filter),
      };
      await settle(env, engineOn(env, cluster));
      return conditionOf(readExample(env))?.message;
    };
    expect(await said("False")).toBe(`${waits}: insufficient quota`);
    expect(await said("True")).toBe(waits);
    const absent: Cluster = {
      ...env.cluster,
      list: async (resource, filter) => {
        if (resource.kind === "Workload") throw new UnknownKindError("no such kind");
        return env.cluster.list(resource, filter);
      },
    };
    await settle(env, engineOn(env, absent));
    expect(conditionOf(readExample(env))?.message).toBe(
      `${waits}: the cluster serves no Workload of kueue.x-k8s.io/v1beta2: install Kueue 0.15 or newer, or name no queue`,
    );
    // Its Job wakes the run, so one that has waited for long is seldom looked at.
    expect(await settle(env, engine)).toMatchObject({ afterSeconds: 10 });
    env.clock.advance(60_000);
    expect(await settle(env, engine)).toMatchObject({ afterSeconds: 60 });
    // Admitted or not, the Job is Kueue's to start.
    expect(theJob(env).metadata.resourceVersion).toBe(job.metadata.resourceVersion);
  });

  test("hands to another cluster is said to lack there what it needs", async () => {
    const { env, engine } = await startedExample({ compute: { queueName: "team-a" } });
    const job = theJob(env);
    env.store.apply(jobs, { ...job, spec: { ...job.spec, managedBy: "kueue.x-k8s.io/multikueue" } });
    await settle(env, engine);
    expect(conditionOf(readExample(env))).toMatchObject({
      reason: "FailedCreate",
      message: expect.stringContaining("its spec.managedBy is kueue.x-k8s.io/multikueue"),
    });
    expect(theJob(env).spec.managedBy).toBe("kueue.x-k8s.io/multikueue");
  });

  test("deletes ends the attempt, and the next one follows after its backoff", async () => {
    const { env, engine } = await startedExample();
    env.clock.advance(20_000);
    env.store.delete(jobs, theJob(env));
    await settle(env, engine);
    expect(readExample(env).status).toMatchObject({
      restarts: 0,
      disruptions: 1,
      attempts: [{ number: 1, reason: "JobDeleted", counted: false }],
    });
    expect(told(env)).toContain("JobDeleted");
    env.clock.advance(5000);
    await settle(env, engine);
    expect(theJob(env).metadata.name).toBe("examplerun-demo-prepare-2");
    expect(told(env)).toContain("StageRestarted");
  });
});

test("a Job whose end is told before that of its pods is judged when they are told of, or are gone", async () => {
  const { env, engine } = await startedExample();
  env.endJob(theJob(env), [badly("InvalidData", 64)]);
  const cluster: Cluster = {
    ...env.cluster,
    list: async (resource, filter) => (resource.kind === "Pod" ? [] : env.cluster.list(resource, filter)),
  };
  await settle(env, engineOn(env, cluster));
  expect(conditionOf(readExample(env))).toMatchObject({ status: "Unknown", reason: "WaitingForPods" });
  await settle(env, engine);
  expect(conditionOf(readExample(env))).toMatchObject({ status: "False", reason: "InvalidData" });
});

test("losses in a row without a checkpoint are counted, and end the run at failurePolicy.maxDisruptions", async () => {
  const { env, engine } = await startedExample({ failurePolicy: { maxDisruptions: 2 } });
  const lose = async () => {
    for (const job of env.openJobs()) env.endJob(job, [badly("DiskFull", 75)]);
    await settle(env, engine);
    env.clock.advance(300_000);
    await settle(env, engine);
  };
  await lose();
  await lose();
  expect(readExample(env).status).toMatchObject({ disruptions: 2, disruptionsInARow: 2, restarts: 0 });
  expect(readExample(env).status?.completionTime).toBeUndefined();
  await lose();
  expect(conditionOf(readExample(env))).toMatchObject({
    status: "False",
    reason: "RestartsExhausted",
    message: expect.stringMatching(/^3 attempts in a row were lost .*DiskFull: it was DiskFull/),
  });
});

test("a new checkpoint begins the count of losses anew", async () => {
  const env = new TestEnv();
  let checkpoint = 0;
  const engine = engineOn(env, env.cluster, () => ({
    stage: "prepare",
    step: checkpoint,
    total: 100,
    unit: "step",
    metrics: {},
    since: timestamp(env.clock.now()),
    updated: timestamp(env.clock.now()),
    checkpoint_step: checkpoint,
  }));
  env.store.apply(exampleRuns, anExampleRun({ failurePolicy: { maxDisruptions: 1 } }));
  await settle(env, engine);
  for (let attempt = 1; attempt <= 4; attempt++) {
    checkpoint = 10 * attempt;
    for (const job of env.openJobs()) env.startPods(job);
    await settle(env, engine);
    for (const job of env.openJobs()) env.endJob(job, [{ exitCode: 137, evicted: true }]);
    await settle(env, engine);
    env.clock.advance(300_000);
    await settle(env, engine);
  }
  expect(readExample(env).status).toMatchObject({ disruptions: 4, disruptionsInARow: 1 });
  expect(readExample(env).status?.completionTime).toBeUndefined();
});

describe("a node that does not answer", () => {
  test("is named, and waited for", async () => {
    const { env, engine } = await startedExample();
    const running = env.startPods(theJob(env));
    run(env, running);
    await settle(env, engine);
    run(env, running.slice(1), timestamp(env.clock.now()));
    env.clock.advance(3_600_000);
    await settle(env, engine);
    expect(conditionOf(readExample(env))).toMatchObject({
      status: "Unknown",
      reason: "NodeLost",
      message: expect.stringMatching(/of pod examplerun-demo-prepare-1-1 has not answered since 2026-01-01/),
    });
    expect(told(env)).toContain("NodeLost");
    expect(theJob(env).metadata.name).toBe("examplerun-demo-prepare-1");
  });

  test("is given up after failurePolicy.nodeLostSeconds: its pods are not waited for", async () => {
    const { env, engine } = await startedExample({ failurePolicy: { nodeLostSeconds: 120 } });
    const running = env.startPods(theJob(env));
    run(env, running, timestamp(env.clock.now()));
    env.clock.advance(119_000);
    await settle(env, engine);
    expect(conditionOf(readExample(env))?.reason).toBe("NodeLost");
    env.clock.advance(1000);
    const forced: unknown[] = [];
    const cluster: Cluster = {
      ...env.cluster,
      delete: async (resource, object, options) => {
        if (resource.kind === "Pod") forced.push([object.metadata.name, options]);
        await env.cluster.delete(resource, object, options);
      },
    };
    await reconcileExample(engineOn(env, cluster));
    expect(forced).toEqual(running.map(({ metadata }) => [metadata.name, { graceSeconds: 0 }]));
    expect(readExample(env).status).toMatchObject({
      disruptions: 1,
      attempts: [{ reason: "PodLost", message: expect.stringContaining("nodeLostSeconds 120") }],
    });
  });
});

describe("a program that stands still", () => {
  test("is said to, after ten minutes without a step", async () => {
    const { env, engine } = await startedExample();
    run(env, env.startPods(theJob(env)));
    await settle(env, engine);
    env.clock.advance(599_000);
    await settle(env, engine);
    expect(conditionOf(readExample(env))?.reason).toBe("Running");
    env.clock.advance(180_000);
    await settle(env, engine);
    expect(conditionOf(readExample(env))).toMatchObject({
      reason: "NoProgress",
      message: expect.stringMatching(/^stage prepare has stood at step 0 for 12m: /),
    });
    expect(told(env)).toContain("NoProgress");
  });

  test("is ended and restarted after failurePolicy.progressDeadlineSeconds, at a restart's cost", async () => {
    const { env, engine } = await startedExample({ failurePolicy: { progressDeadlineSeconds: 900 } });
    run(env, env.startPods(theJob(env)));
    await settle(env, engine);
    env.clock.advance(900_000);
    await settle(env, engine);
    expect(readExample(env).status).toMatchObject({
      restarts: 1,
      attempts: [{ reason: "ProgramHung", counted: true }],
    });
    expect(env.store.list(jobs)).toEqual([]);
  });
});
