import { timestamp } from "../clock/clock.ts";
import type { Job, KubernetesObject } from "../cluster/objects.ts";
import { claims, configMaps, jobs, networkPolicies, pods, services } from "../cluster/resource.ts";
import { attemptName } from "../engine/names.ts";
import { networkPolicy } from "../engine/network-policy.ts";
import { found, type WantedChild, wanted } from "../engine/reconcile-result.ts";
import type { Attempt, RunStatus, Stage } from "../kinds/batch-kind.ts";
import { attemptFailed, ofOlderAttempts, runCompleted, stageCompleted } from "./attempt-end.ts";
import { backoffSeconds, type Failure, jobStatus, seenWithinSeconds } from "./attempts.ts";
import { giveWay } from "./gang-placement.ts";
import { initialProgress, updatedProgress } from "./progress.ts";
import type { RunScope } from "./scope.ts";
import { attemptObjects, hasRendezvous, isOfStage, stageConfig, suspension } from "./stage-objects.ts";
import {
  betweenAttempts,
  fail,
  hasLivePods,
  indexOf,
  madeAnew,
  type Prepared,
  podsLinger,
  type RunResult,
  running,
  suspended,
} from "./stage-results.ts";
import { overdueFailure, standstill } from "./standstill.ts";
import {
  artifactsOf,
  attemptsAt,
  attemptsSinceRetry,
  passedOver,
  stageStatus,
  withAttempt,
  withStage,
} from "./status.ts";
import { isOnLostNode, type Waiting } from "./waiting.ts";

/**
 * The life of a stage, as a function of what was read. Invariants, whatever instant the operator is killed
 * at:
 * - an attempt begins only when status says that the one before it has ended, and status says so only of a
 *   Job that was seen ended;
 * - status names an attempt only after its Job was made, so a named Job that is missing was deleted, by the run
 *   itself or by somebody;
 * - a Job that exists is never rendered again.
 */
export function reconcileStage(scope: RunScope, prepared: Prepared): RunResult {
  const { status, stages } = prepared;
  const stage = stages.find(({ name }) => stageStatus(status, name)?.state !== "Succeeded");
  if (stage === undefined) return runCompleted(scope, prepared);
  const last = attemptsAt(status, stage.name).at(-1);
  return last !== undefined && last.endTime === undefined
    ? observeAttempt(scope, prepared, stage, last)
    : beginNext(scope, prepared, stage, last);
}

function beginNext(scope: RunScope, prepared: Prepared, stage: Stage, last: Attempt | undefined): RunResult {
  const { now, spec } = scope;
  const { status } = prepared;
  if (spec.suspend) return suspended(scope, status, stage);
  const earlier = attemptsSinceRetry(status, stage.name);
  if (last?.endTime !== undefined && earlier.length > 0) {
    const due = Date.parse(last.endTime) + backoffSeconds(earlier) * 1000;
    const left = Math.ceil((due - now.getTime()) / 1000);
    if (left > 0) return betweenAttempts(status, last, left);
  }
  if (hasLivePods(scope, stage)) return podsLinger(status, stage);
  const number = (last?.number ?? 0) + 1;
  return begin(scope, prepared, stage, {
    stage: stage.name,
    number,
    jobName: attemptName(scope.run, stage.name, number),
    startTime: timestamp(now),
    resumedFromStep: last && status.progress?.checkpointStep,
  });
}

function begin(scope: RunScope, { status, stages }: Prepared, stage: Stage, attempt: Attempt): RunResult {
  const { storage, now, spec, run } = scope;
  const configured = stageConfig(run, spec, stage, attempt.number, stage.config(artifactsOf(status)));
  if ("problem" in configured) return fail(scope, status, stage.name, "InvalidConfig", configured.problem);
  const claim = storage.wanted && scope.claim === undefined ? [wanted(claims, storage.wanted, "create")] : [];
  const { surroundings, job } = render(scope, stage, attempt, configured.config);
  const index = indexOf(stages, stage);
  const startTime = stageStatus(status, stage.name)?.startTime ?? attempt.startTime;
  const begun = withAttempt(withStage(status, stage.name, { state: "Running", startTime }), attempt);
  return {
    status: {
      ...begun,
      startTime: status.startTime ?? attempt.startTime,
      progress: status.progress?.stage === stage.name ? status.progress : initialProgress(index, now),
    },
    root: running(index),
    requeueAfter: scope.progressSeconds,
    apply: [...policyOf(scope), ...claim, ...surroundings, job],
    remove: [],
  };
}

/** The attempt's objects; its Job is to come after what its pods need. */
function render(
  { run, spec, storage, podDefaults, podGroupResource }: RunScope,
  stage: Stage,
  attempt: Attempt,
  config: unknown,
) {
  const plan = { run, spec, storage, stage, attempt: attempt.number, config, podDefaults, podGroupResource };
  const { configMap, service, podGroup, job } = attemptObjects(plan);
  return {
    surroundings: [
      wanted(configMaps, configMap, "create"),
      ...(service ? [wanted(services, service, "create")] : []),
      ...(podGroup && podGroupResource ? [wanted(podGroupResource, podGroup, "create")] : []),
    ],
    job: wanted(jobs, job, "create"),
  };
}

function policyOf({ run, networkPolicies: configured }: RunScope): WantedChild[] {
  const policy = networkPolicy(run, configured);
  return policy ? [wanted(networkPolicies, policy, "update")] : [];
}

/**
 * What the pods of a running attempt need and somebody took away. All of an attempt has the attempt's name.
 */
function missing(scope: RunScope, status: RunStatus, stage: Stage, attempt: Attempt): WantedChild[] {
  const ofGang = scope.podGroupResource ? [scope.services, scope.podGroups] : [scope.services];
  const needed: KubernetesObject[][] = [scope.configMaps, ...(hasRendezvous(stage) ? ofGang : [])];
  if (needed.every((objects) => objects.some(({ metadata }) => metadata.name === attempt.jobName)))
    return policyOf(scope);
  const own = stage.config(artifactsOf(status));
  const configured = stageConfig(scope.run, scope.spec, stage, attempt.number, own);
  if ("problem" in configured) return policyOf(scope);
  return [...policyOf(scope), ...render(scope, stage, attempt, configured.config).surroundings];
}

/** An attempt that status says is under way. */
function observeAttempt(scope: RunScope, prepared: Prepared, stage: Stage, attempt: Attempt): RunResult {
  const { status, stages } = prepared;
  const job = scope.jobs.find(({ metadata }) => metadata.name === attempt.jobName);
  if (job === undefined || job.metadata.deletionTimestamp !== undefined) {
    if (hasLivePods(scope, stage)) return podsLinger(status, stage);
    if (scope.spec.suspend) return suspended(scope, status, stage);
    return job === undefined ? jobGone(scope, prepared, stage, attempt) : podsLinger(status, stage);
  }
  const progress = updatedProgress(status.progress, scope.progress, indexOf(stages, stage), scope.now);
  const saidMeanwhile = scope.progress && scope.kind.partialResults?.(scope.progress);
  const known: Attempt = {
    ...attempt,
    resumedFromStep: scope.progress?.resumed_from_step ?? attempt.resumedFromStep,
    checkpointsPassedOver: passedOver(scope.progress, attempt),
  };
  const current: Prepared = {
    ...prepared,
    status: withAttempt({ ...status, progress, ...saidMeanwhile }, known),
  };
  const observed = jobStatus(job, scope.pods, stage, scope);
  switch (observed.state) {
    case "succeeded":
      return stageCompleted(scope, current, stage, known, observed.result);
    case "failed":
      return attemptFailed(scope, current, stage, known, observed.failure);
    case "active": {
      const overdue = overdueFailure(scope, current.status.progress) ?? madeRoom(scope);
      return overdue === undefined
        ? attemptActive(scope, current, stage, known, observed.waiting)
        : giveUp(scope, current, stage, known, job, overdue);
    }
  }
}

const madeRoom = ({ spec, run, pods, rivals, now }: RunScope): Failure | undefined =>
  spec.suspend ? undefined : giveWay(run, pods, rivals, now);

/**
 * The Job that status names is missing: the run took it away as it was suspended, or it has just been made and
 * is not seen yet, or somebody deleted it, which is a disruption like others.
 */
function jobGone(scope: RunScope, prepared: Prepared, stage: Stage, attempt: Attempt): RunResult {
  const age = (scope.now.getTime() - Date.parse(attempt.startTime)) / 1000;
  const isOwnDoing = stageStatus(prepared.status, stage.name)?.state === "Suspended";
  if (isOwnDoing || age < seenWithinSeconds) return begin(scope, prepared, stage, attempt);
  const message = `Job ${attempt.jobName} was deleted by somebody else than this run`;
  return attemptFailed(scope, prepared, stage, attempt, { class: "lost", reason: "JobDeleted", message });
}

/** Ends an attempt that does not end by itself. Pods of nodes that do not answer are not waited for. */
function giveUp(
  scope: RunScope,
  prepared: Prepared,
  stage: Stage,
  attempt: Attempt,
  job: Job,
  failure: Failure,
): RunResult {
  const lost = scope.pods.filter((pod) => isOfStage(pod, stage.name) && isOnLostNode(pod));
  return {
    ...attemptFailed(scope, prepared, stage, attempt, failure),
    remove: [found(jobs, job), ...lost.map((pod) => ({ ...found(pods, pod), graceSeconds: 0 }))],
  };
}

/** A Job in a queue wakes its run when Kueue admits it; only why it does not is asked for, of many Jobs at once. */
const queuedLookSeconds = 60;

function secondsToNextLook(scope: RunScope, { startTime }: Attempt, waiting: Waiting | undefined): number {
  const age = (scope.now.getTime() - Date.parse(startTime)) / 1000;
  const isSettled = waiting?.reason === "Queued" && age >= queuedLookSeconds;
  return isSettled ? Math.max(queuedLookSeconds, scope.progressSeconds) : scope.progressSeconds;
}

function attemptActive(
  scope: RunScope,
  { status, stages }: Prepared,
  stage: Stage,
  attempt: Attempt,
  waiting: Waiting | undefined,
): RunResult {
  const { apply, remove } = suspension(scope);
  const writes = {
    apply: [...missing(scope, status, stage, attempt), ...apply],
    remove: [...remove, ...ofOlderAttempts(scope, attempt)],
  };
  if (scope.spec.suspend) return { ...suspended(scope, status, stage), ...writes };
  if (remove.length > 0) return { ...madeAnew(status, stage), apply, remove: writes.remove };
  return {
    status: withStage(status, stage.name, { state: "Running" }),
    root:
      waiting === undefined
        ? (standstill(scope, status.progress) ?? running(indexOf(stages, stage)))
        : { reason: waiting.reason, message: `stage ${stage.name}: ${waiting.message}` },
    requeueAfter: secondsToNextLook(scope, attempt, waiting),
    ...writes,
  };
}
