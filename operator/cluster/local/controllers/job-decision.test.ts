import { expect, test } from "vitest";
import { aJob, aTemplate, namespace } from "../../../testing/local-cluster.ts";
import { isTrue } from "../../conditions.ts";
import type { Job, Pod, PodFailurePolicyRule } from "../../objects.ts";
import { decide, type JobDecision } from "./job-decision.ts";
import { formatIndexes, parseIndexes, podOfIndex, trackingFinalizer } from "./job-pods.ts";

const now = new Date("2026-01-01T01:00:00Z");
const ago = (seconds: number) => new Date(now.getTime() - seconds * 1_000).toISOString();

function job(spec: Partial<Job["spec"]>, status?: Job["status"]): Job {
  const { metadata, ...rest } = aJob("run", aTemplate([]), {
    completions: 3,
    parallelism: 3,
    backoffLimit: 6,
    ...spec,
  });
  const owned = { ...metadata, uid: "job", resourceVersion: "1", creationTimestamp: ago(60) };
  return { ...rest, metadata: owned, ...(status && { status }) };
}

interface Sketch {
  phase?: "Pending" | "Running" | "Succeeded" | "Failed";
  code?: number;
  deleting?: boolean;
  counted?: boolean;
  failures?: number;
  condition?: string;
  finished?: number;
}

let serial = 0;
function pod(
  index: number,
  { phase = "Running", code, deleting, counted, failures = 0, condition, finished = 3_000 }: Sketch = {},
): Pod {
  const { metadata, ...rest } = podOfIndex(job({ backoffLimitPerIndex: 9 }), index, failures);
  const terminated = {
    exitCode: code ?? (phase === "Succeeded" ? 0 : 1),
    reason: "Error",
    finishedAt: ago(finished),
  };
  const ended = phase === "Succeeded" || phase === "Failed";
  return {
    ...rest,
    metadata: {
      ...metadata,
      uid: `pod-${serial++}`,
      resourceVersion: "1",
      creationTimestamp: ago(3_600),
      finalizers: counted ? [] : [trackingFinalizer],
      ...(deleting && { deletionTimestamp: ago(0) }),
    },
    status: {
      phase,
      ...(condition && {
        conditions: [
          { type: condition, status: "True", reason: "", message: "", lastTransitionTime: ago(0) },
        ],
      }),
      containerStatuses: [
        { name: "main", ready: false, restartCount: 0, state: ended ? { terminated } : {} },
      ],
    },
  };
}

const condition = (decision: JobDecision, type: string) =>
  decision.status.conditions?.find((held) => held.type === type);
const created = (decision: JobDecision) => decision.create.map(({ index }) => index);
const rule = (action: PodFailurePolicyRule["action"], values: number[]): PodFailurePolicyRule => ({
  action,
  onExitCodes: { operator: "In", values },
});

test("indexes are written as the API writes them", () => {
  expect(formatIndexes(new Set([4, 0, 3, 2, 7]))).toBe("0,2-4,7");
  expect(parseIndexes("0,2-4,7")).toEqual(new Set([0, 2, 3, 4, 7]));
  expect([formatIndexes(new Set()), parseIndexes("").size]).toEqual(["", 0]);
  // A hyphen only from three in a row.
  expect(formatIndexes(parseIndexes("0,1,5-7,9,10"))).toBe("0,1,5-7,9,10");
});

test("a new Job gets a pod for each of its first indexes, within parallelism", () => {
  const decision = decide(job({ parallelism: 2 }), [], now);
  expect(created(decision)).toEqual([0, 1]);
  expect(decision.status).toMatchObject({ active: 2, startTime: "2026-01-01T01:00:00Z" });
  expect(created(decide(job({ parallelism: 2 }), [pod(0, { phase: "Succeeded" }), pod(1)], now))).toEqual([
    2,
  ]);
});

test("an index whose pod is still ending gets no second one, unless the policy is to replace at once", () => {
  const pods = [pod(0), pod(1, { deleting: true }), pod(2)];
  expect(created(decide(job({ podReplacementPolicy: "Failed" }), pods, now))).toEqual([]);
  expect(created(decide(job({}), pods, now))).toEqual([1]);
});

test("success: SuccessCriteriaMet, then Complete with every index counted", () => {
  const done = [0, 1, 2].map((index) => pod(index, { phase: "Succeeded" }));
  const decision = decide(job({}), done, now);
  expect(decision.status).toMatchObject({
    succeeded: 3,
    completedIndexes: "0-2",
    active: 0,
    completionTime: "2026-01-01T01:00:00Z",
  });
  expect(condition(decision, "SuccessCriteriaMet")?.reason).toBe("CompletionsReached");
  expect(condition(decision, "Complete")).toMatchObject({
    status: "True",
    message: "Reached expected number of succeeded pods",
  });
});

test("completed indexes are remembered when their pods are gone", () => {
  const decision = decide(job({}, { startTime: ago(9), completedIndexes: "0,2" }), [], now);
  expect([created(decision), decision.status.succeeded]).toEqual([[1], 2]);
});

test("a failure is recorded before its finalizer may go, and counted after", () => {
  const failed = pod(0, { phase: "Failed" });
  const first = decide(job({}), [failed, pod(1), pod(2)], now);
  expect(first.status).toMatchObject({
    failed: 0,
    uncountedTerminatedPods: { failed: [failed.metadata.uid] },
  });
  expect(first.recorded).toEqual([failed]);
  const again = decide(job({}, first.status), [failed, pod(1), pod(2)], now); // the crash came before the finalizer went
  expect(again.status).toEqual(first.status);
  const released = { ...failed, metadata: { ...failed.metadata, finalizers: [] } };
  const last = decide(job({}, again.status), [released, pod(1), pod(2)], now);
  expect(last.status).toMatchObject({ failed: 1, uncountedTerminatedPods: { failed: [] } });
  expect(decide(job({}, last.status), [released, pod(1), pod(2)], now).status.failed).toBe(1);
});

test("beyond backoffLimit: the other pods end first, then the Job is Failed", () => {
  const failed = pod(0, { phase: "Failed" });
  const others = [pod(1), pod(2)];
  const target = decide(job({ backoffLimit: 0 }), [failed, ...others], now);
  expect(target.terminate).toEqual(others);
  expect(created(target)).toEqual([]);
  expect(condition(target, "FailureTarget")).toMatchObject({
    reason: "BackoffLimitExceeded",
    message: "Job has reached the specified backoff limit",
  });
  expect(isTrue(target.status.conditions, "Failed")).toBe(false);
  const ending = others.map((other) => ({
    ...other,
    metadata: { ...other.metadata, finalizers: [], deletionTimestamp: ago(0) },
  }));
  const released = { ...failed, metadata: { ...failed.metadata, finalizers: [] } };
  const waiting = decide(job({ backoffLimit: 0 }, target.status), [released, ...ending], now);
  expect([waiting.status.terminating, isTrue(waiting.status.conditions, "Failed")]).toEqual([2, false]);
  const last = decide(job({ backoffLimit: 0 }, waiting.status), [released], now);
  expect(condition(last, "Failed")).toMatchObject({ status: "True", reason: "BackoffLimitExceeded" });
  expect(last.status).toMatchObject({ failed: 3, active: 0, terminating: 0 });
});

test("the pod failure policy: the first rule that matches decides", () => {
  const rules = [rule("FailJob", [64]), rule("Ignore", [75]), rule("Count", [86])];
  const withPolicy = (status?: Job["status"]) =>
    job({ backoffLimit: 0, podFailurePolicy: { rules } }, status);
  const fatal = decide(withPolicy(), [pod(0, { phase: "Failed", code: 64 }), pod(1), pod(2)], now);
  expect(condition(fatal, "FailureTarget")?.reason).toBe("PodFailurePolicy");
  expect(condition(fatal, "FailureTarget")?.message).toMatch(
    new RegExp(
      `^Container main for pod ${namespace}/run-0-.{5} failed with exit code 64 matching FailJob rule at index 0$`,
    ),
  );
  const ignored = decide(withPolicy(), [pod(0, { phase: "Failed", code: 75 }), pod(1), pod(2)], now);
  expect([created(ignored), condition(ignored, "FailureTarget"), ignored.status.failed]).toEqual([
    [0],
    undefined,
    0,
  ]);
  const counted = decide(withPolicy(), [pod(0, { phase: "Failed", code: 86 }), pod(1), pod(2)], now);
  expect(condition(counted, "FailureTarget")?.reason).toBe("BackoffLimitExceeded");
});

test("a rule on pod conditions spares pods that their node cut off", () => {
  const rules = [
    { action: "Ignore" as const, onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
  ];
  const spec = { backoffLimit: 0, podFailurePolicy: { rules } };
  const cut = pod(0, { phase: "Failed", code: 143, condition: "DisruptionTarget" });
  expect(created(decide(job(spec), [cut, pod(1), pod(2)], now))).toEqual([0]);
  expect(
    condition(decide(job(spec), [pod(0, { phase: "Failed", code: 143 })], now), "FailureTarget"),
  ).toBeDefined();
});

test("with backoffLimitPerIndex an index fails alone, and the Job when too many or the last have", () => {
  const spec = { backoffLimitPerIndex: 1, maxFailedIndexes: 1 };
  const lost = (index: number) => [
    pod(index, { phase: "Failed" }),
    pod(index, { phase: "Failed", failures: 1 }),
  ];
  const { backoffLimit: _, ...unlimited } = job({}).spec;
  const perIndex = (status?: Job["status"]) => ({ ...job({}, status), spec: { ...unlimited, ...spec } });
  const one = decide(perIndex(), [...lost(0), pod(1), pod(2)], now);
  expect([one.status.failedIndexes, created(one), condition(one, "FailureTarget")]).toEqual([
    "0",
    [],
    undefined,
  ]);
  const two = decide(perIndex(), [...lost(0), ...lost(1), pod(2)], now);
  expect(condition(two, "FailureTarget")?.reason).toBe("MaxFailedIndexesExceeded");
  const rest = [1, 2].map((index) => pod(index, { phase: "Succeeded" }));
  expect(condition(decide(perIndex(), [...lost(0), ...rest], now), "FailureTarget")?.reason).toBe(
    "FailedIndexes",
  );
  expect(decide(perIndex(), [pod(0, { phase: "Failed" }), pod(1), pod(2)], now).create).toEqual([
    { index: 0, failures: 1 },
  ]);
});

test("replacements wait 10 s doubling with each failure since the last success", () => {
  const failures = (...ends: number[]) =>
    ends.map((finished) => pod(0, { phase: "Failed", finished, counted: true }));
  const others = [pod(1), pod(2)];
  const once = decide(job({}), [...failures(4), ...others], now);
  expect([created(once), once.again]).toEqual([[], 6_000]);
  expect(decide(job({}), [...failures(40, 20, 4), ...others], now).again).toBe(36_000);
  expect(created(decide(job({}), [...failures(11), ...others], now))).toEqual([0]);
  const success = pod(1, { phase: "Succeeded", finished: 20 });
  expect(decide(job({}), [...failures(40, 30, 4), success, pod(2)], now).again).toBe(6_000);
});

test("suspension withdraws active pods without counting them; resumption starts the clock anew", () => {
  const active = [pod(0), pod(1), pod(2)];
  const suspended = decide(job({ suspend: true }, { startTime: ago(500) }), active, now);
  expect([suspended.withdraw, suspended.terminate, suspended.status.active]).toEqual([active, [], 0]);
  expect(condition(suspended, "Suspended")).toMatchObject({ status: "True", reason: "JobSuspended" });
  const resumed = decide(job({ activeDeadlineSeconds: 60 }, suspended.status), [], now);
  expect(condition(resumed, "Suspended")).toMatchObject({ status: "False", reason: "JobResumed" });
  expect(resumed.status.startTime).toBe("2026-01-01T01:00:00Z");
  expect([created(resumed), resumed.again]).toEqual([[0, 1, 2], 60_000]);
});

test("past activeDeadlineSeconds the Job fails with DeadlineExceeded", () => {
  const late = decide(job({ activeDeadlineSeconds: 60 }, { startTime: ago(60) }), [pod(0)], now);
  expect(condition(late, "FailureTarget")?.reason).toBe("DeadlineExceeded");
  expect(
    decide(job({ activeDeadlineSeconds: 60 }, { startTime: ago(20) }), [pod(0), pod(1), pod(2)], now).again,
  ).toBe(40_000);
});

test("a finished Job changes no more and lets its pods go", () => {
  const status = {
    conditions: [{ type: "Complete", status: "True", reason: "", message: "", lastTransitionTime: ago(1) }],
  } as Job["status"];
  const failed = pod(0, { phase: "Failed" });
  expect(decide(job({}, status), [failed], now)).toEqual({
    create: [],
    withdraw: [],
    terminate: [],
    status,
    recorded: [failed],
  });
});
