import { timestamp } from "../../../clock/clock.ts";
import { type ConditionState, findCondition, isFinished, isTrue } from "../../conditions.ts";
import type { Job, Pod } from "../../objects.ts";
import { isReady, isTerminal, withCondition } from "../kubelet/pod-status.ts";
import {
  failuresBefore,
  finishedAt,
  formatIndexes,
  indexOf,
  isActive,
  isTracked,
  matchFailurePolicy,
  parseIndexes,
} from "./job-pods.ts";

/** The Job controller's judgement, as a function of the Job, its pods and the time. */

export type JobStatus = NonNullable<Job["status"]> & {
  /** UIDs of failed pods that `failed` does not hold yet: they are counted once their finalizer is off. */
  uncountedTerminatedPods?: { failed: string[] };
};

export interface JobDecision {
  create: { index: number; failures: number }[];
  /** Pods in surplus: deleted without counting as failures. */
  withdraw: Pod[];
  /** Pods that end because the Job has: they count. */
  terminate: Pod[];
  status: JobStatus;
  /** Pods that `status` records: their finalizer may go once it is written. */
  recorded: Pod[];
  /** Milliseconds after which time alone changes the judgement. */
  again?: number;
}

const backoffBase = 10_000;
const backoffCap = 600_000;
const defaultBackoffLimit = 6;

export function decide(job: Job, pods: readonly Pod[], now: Date): JobDecision {
  const before: JobStatus = job.status ?? {};
  if (isFinished(job))
    return { create: [], withdraw: [], terminate: [], status: before, recorded: pods.filter(isTracked) };

  const view = observe(job, pods, before);
  const ending = endingOf(job, view, before, now);
  const moves = ending ? none : moveTowards(job, view, now);
  const terminate = ending ? view.active : [];
  // A Job that has ended counts what still runs as failed.
  const ended =
    ending?.type === "FailureTarget" ? view.tracked.filter((pod) => pod.status?.phase !== "Succeeded") : [];
  const fresh = [...new Set([...view.freshFailed, ...ended])].filter(
    (pod) => !view.uncounted.has(pod.metadata.uid),
  );
  const recorded = view.tracked.filter(
    (pod) => isTerminal(pod) || fresh.includes(pod) || view.uncounted.has(pod.metadata.uid),
  );

  const leaving = terminate.length + moves.withdraw.length;
  const ready = view.active
    .filter(isReady)
    .filter((pod) => !terminate.includes(pod) && !moves.withdraw.includes(pod));
  const uncounted = [...view.uncounted, ...fresh.map((pod) => pod.metadata.uid)];
  const status: JobStatus = {
    ...before,
    ...started(job, before, now),
    active: view.active.length - leaving + moves.create.length,
    ready: ready.length,
    terminating: view.terminating.length + leaving,
    succeeded: view.succeeded.size,
    failed: view.counted,
    completedIndexes: formatIndexes(view.succeeded),
    failedIndexes:
      job.spec.backoffLimitPerIndex === undefined ? undefined : formatIndexes(view.failedIndexes),
    uncountedTerminatedPods: { failed: uncounted },
  };
  status.conditions = conditionsOf(job, status, ending, now);
  if (isTrue(status.conditions, "Complete")) status.completionTime = timestamp(now);
  const deadline = ending ? undefined : untilDeadline(job, status, now);
  return { ...moves, terminate, status, recorded, again: earliest([moves.again, deadline]) };
}

interface View {
  pods: readonly Pod[];
  active: Pod[];
  terminating: Pod[];
  tracked: Pod[];
  uncounted: Set<string>;
  /** Failed pods whose failure counts and is not recorded yet. */
  freshFailed: Pod[];
  /** status.failed with every failure whose finalizer is off. */
  counted: number;
  succeeded: Set<number>;
  failedIndexes: Set<number>;
}

function observe(job: Job, pods: readonly Pod[], before: JobStatus): View {
  const tracked = pods.filter(isTracked);
  const recorded = before.uncountedTerminatedPods?.failed ?? [];
  const uncounted = new Set(recorded.filter((uid) => tracked.some((pod) => pod.metadata.uid === uid)));
  const failures = (candidates: readonly Pod[]) =>
    candidates.filter((pod) => hasFailed(job, pod) && matchFailurePolicy(job, pod)?.action !== "Ignore");
  const limit = job.spec.backoffLimitPerIndex;
  const lost = limit === undefined ? [] : failures(pods).filter((pod) => failuresBefore(pod) >= limit);
  const succeeded = tracked.filter((pod) => pod.status?.phase === "Succeeded").map(indexOf);
  return {
    pods,
    active: pods.filter(isActive),
    terminating: pods.filter((pod) => !isTerminal(pod) && pod.metadata.deletionTimestamp),
    tracked,
    uncounted,
    freshFailed: failures(tracked).filter((pod) => !uncounted.has(pod.metadata.uid)),
    counted: (before.failed ?? 0) + recorded.length - uncounted.size,
    succeeded: parseIndexes(before.completedIndexes).union(new Set(succeeded)),
    failedIndexes: parseIndexes(before.failedIndexes).union(new Set(lost.map(indexOf))),
  };
}

/** Whether a pod is replaced only once it has ended, rather than as soon as it is being deleted. */
function replacesOnlyFailed({ spec }: Job): boolean {
  return spec.podReplacementPolicy === "Failed" || spec.podFailurePolicy !== undefined;
}

function hasFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === "Failed") return true;
  const deleted = pod.metadata.deletionTimestamp !== undefined && pod.status?.phase !== "Succeeded";
  return deleted && isTracked(pod) && !replacesOnlyFailed(job);
}

/** FailureTarget or SuccessCriteriaMet: decided once, then only carried out. */
function endingOf(job: Job, view: View, before: JobStatus, now: Date): ConditionState | undefined {
  for (const type of ["SuccessCriteriaMet", "FailureTarget"]) {
    const decided = findCondition(before.conditions, type);
    if (decided?.status === "True") return decided;
  }
  const failure = failureOf(job, view, before, now);
  if (failure) return { type: "FailureTarget", status: "True", reason: failure[0], message: failure[1] };
  if (view.succeeded.size < job.spec.completions || view.active.length > 0) return undefined;
  const message = "Reached expected number of succeeded pods";
  return { type: "SuccessCriteriaMet", status: "True", reason: "CompletionsReached", message };
}

function failureOf(
  job: Job,
  view: View,
  before: JobStatus,
  now: Date,
): [reason: string, message: string] | undefined {
  const { spec } = job;
  const match = view.pods
    .map((pod) => matchFailurePolicy(job, pod))
    .find((match) => match?.action === "FailJob");
  if (match) return ["PodFailurePolicy", match.message];
  const limit =
    spec.backoffLimit ?? (spec.backoffLimitPerIndex === undefined ? defaultBackoffLimit : Infinity);
  if (view.counted + view.uncounted.size + view.freshFailed.length > limit) {
    return ["BackoffLimitExceeded", "Job has reached the specified backoff limit"];
  }
  if ((untilDeadline(job, before, now) ?? 1) <= 0) {
    return ["DeadlineExceeded", "Job was active longer than specified deadline"];
  }
  const failed = view.failedIndexes.size;
  if (spec.maxFailedIndexes !== undefined && failed > spec.maxFailedIndexes) {
    return ["MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes"];
  }
  if (failed > 0 && failed + view.succeeded.size >= spec.completions)
    return ["FailedIndexes", "Job has failed indexes"];
  return undefined;
}

/** Milliseconds left of activeDeadlineSeconds; undefined while no clock runs. */
function untilDeadline(job: Job, status: JobStatus, now: Date): number | undefined {
  const { activeDeadlineSeconds, suspend } = job.spec;
  if (activeDeadlineSeconds === undefined || suspend || !status.startTime) return undefined;
  if (isTrue(status.conditions, "Suspended")) return undefined; // this resumption restarts the clock
  return Date.parse(status.startTime) + activeDeadlineSeconds * 1_000 - now.getTime();
}

type Moves = Pick<JobDecision, "create" | "withdraw" | "again">;
const none: Moves = { create: [], withdraw: [] };

/** Pods to make or withdraw so that as many run as are wanted, one at most per index. */
function moveTowards(job: Job, view: View, now: Date): Moves {
  const { spec } = job;
  if (spec.suspend) return { create: [], withdraw: view.active };
  const open = spec.completions - view.succeeded.size - view.failedIndexes.size;
  const wanted = Math.max(0, Math.min(spec.parallelism, open));
  const surplus = view.active.length - wanted;
  // Those not ready go first, then the higher indexes.
  const order = view.active.toSorted(
    (a, b) => Number(isReady(a)) - Number(isReady(b)) || indexOf(b) - indexOf(a),
  );
  if (surplus > 0) return { create: [], withdraw: order.slice(0, surplus) };

  const busy = new Set([...view.active, ...(replacesOnlyFailed(job) ? view.terminating : [])].map(indexOf));
  const room = wanted - busy.size;
  const create: Moves["create"] = [];
  const waits: number[] = [];
  for (let index = 0; index < spec.completions && create.length < room; index++) {
    if (busy.has(index) || view.succeeded.has(index) || view.failedIndexes.has(index)) continue;
    const ended =
      spec.backoffLimitPerIndex === undefined ? view.pods : view.pods.filter((pod) => indexOf(pod) === index);
    const wait = backoff(ended, now);
    if (wait > 0) waits.push(wait);
    else create.push({ index, failures: failuresOf(job, index, view) });
  }
  return { create, withdraw: [], again: earliest(waits) };
}

function earliest(waits: readonly (number | undefined)[]): number | undefined {
  const known = waits.filter((wait) => wait !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
}

/** Milliseconds until the next pod may be made: doubling with each failure since the last success. */
function backoff(pods: readonly Pod[], now: Date): number {
  const ended = pods.filter(isTerminal).toSorted((a, b) => finishedAt(a) - finishedAt(b));
  const failures = ended.length - 1 - ended.findLastIndex((pod) => pod.status?.phase === "Succeeded");
  const last = ended.at(-1);
  if (failures === 0 || !last) return 0;
  return finishedAt(last) + Math.min(backoffCap, backoffBase * 2 ** (failures - 1)) - now.getTime();
}

function failuresOf(job: Job, index: number, { pods }: View): number {
  const failed = pods.filter((pod) => indexOf(pod) === index && hasFailed(job, pod));
  const counts = failed.map(
    (pod) => failuresBefore(pod) + (matchFailurePolicy(job, pod)?.action === "Ignore" ? 0 : 1),
  );
  return Math.max(0, ...counts);
}

/** Set when the Job first runs, and again by every resumption. */
function started(job: Job, before: JobStatus, now: Date): Pick<JobStatus, "startTime"> {
  if (job.spec.suspend) return {};
  const resumed = isTrue(before.conditions, "Suspended");
  return before.startTime === undefined || resumed ? { startTime: timestamp(now) } : {};
}

function conditionsOf(
  job: Job,
  status: JobStatus,
  ending: ConditionState | undefined,
  now: Date,
): JobStatus["conditions"] {
  const time = timestamp(now);
  let conditions = status.conditions ?? [];
  if (!ending && job.spec.suspend) {
    const suspended = {
      type: "Suspended",
      status: "True",
      reason: "JobSuspended",
      message: "Job suspended",
    } as const;
    conditions = withCondition(conditions, suspended, time);
  } else if (!ending && findCondition(conditions, "Suspended")) {
    const resumed = {
      type: "Suspended",
      status: "False",
      reason: "JobResumed",
      message: "Job resumed",
    } as const;
    conditions = withCondition(conditions, resumed, time);
  }
  if (!ending) return conditions;
  conditions = withCondition(conditions, ending, time);
  // The last word waits until every pod is gone and counted, so whoever sees it finds nothing running.
  const settled =
    status.active === 0 && status.terminating === 0 && status.uncountedTerminatedPods?.failed.length === 0;
  if (!settled) return conditions;
  return withCondition(conditions, { ...lastWord(ending), status: "True" }, time);
}

function lastWord({ type, reason, message }: ConditionState): Omit<ConditionState, "status"> {
  return { type: type === "SuccessCriteriaMet" ? "Complete" : "Failed", reason, message };
}
