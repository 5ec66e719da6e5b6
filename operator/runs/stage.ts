import type { Inputs } from "../api/artifact.ts";
import type { Reason } from "../api/reasons.ts";
import { timestamp } from "../clock/clock.ts";
import { isFinished } from "../cluster/conditions.ts";
import type { Job, KubernetesObject } from "../cluster/objects.ts";
import { claims, configMaps, jobs, networkPolicies, pods, services } from "../cluster/resource.ts";
import { networkPolicy } from "../engine/kernel-pod.ts";
import { attemptName } from "../engine/names.ts";
import { found, type ReconcileResult, type WantedChild, wanted } from "../engine/reconcile-result.ts";
import type { Attempt, KernelResult, RunStatus, Stage } from "../kinds/batch-kind.ts";
import { lookAgainSeconds } from "../runtime/outcome.ts";
import {
  backoffSeconds,
  consequenceOf,
  type Failure,
  gotOn,
  isLive,
  isUncounted,
  jobStatus,
  seenWithinSeconds,
} from "./attempts.ts";
import { finalProgress, initialProgress, metricList, type StageIndex, updatedProgress } from "./progress.ts";
import type { RunScope } from "./scope.ts";
import {
  attemptObjects,
  children,
  hasRendezvous,
  isOfStage,
  numberOf,
  stageConfig,
  suspension,
} from "./stage-objects.ts";
import { overdueFailure, standstill } from "./standstill.ts";
import {
  artifactOf,
  artifactsOf,
  attemptsAt,
  attemptsSinceRetry,
  failed,
  resultsConfigMap,
  runArtifact,
  stageStatus,
  storedResults,
  withAttempt,
  withStage,
} from "./status.ts";
import { isOnLostNode, type Waiting } from "./waiting.ts";

export type RunResult = ReconcileResult<RunStatus>;

/** A run that may run: its inputs are there and nothing forbids it. */
export interface Prepared {
  status: RunStatus;
  inputs: Inputs;
  stages: readonly Stage[];
}

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
  { run, spec, storage, podDefaults }: RunScope,
  stage: Stage,
  attempt: Attempt,
  config: unknown,
) {
  const objects = attemptObjects({ run, spec, storage, stage, attempt: attempt.number, config, podDefaults });
  return {
    surroundings: [
      wanted(configMaps, objects.configMap, "create"),
      ...(objects.service ? [wanted(services, objects.service, "create")] : []),
    ],
    job: wanted(jobs, objects.job, "create"),
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
  const isThere = (objects: readonly KubernetesObject[]) =>
    objects.some(({ metadata }) => metadata.name === attempt.jobName);
  if (isThere(scope.configMaps) && (!hasRendezvous(stage) || isThere(scope.services))) return policyOf(scope);
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
  const known = { ...attempt, resumedFromStep: scope.progress?.resumed_from_step ?? attempt.resumedFromStep };
  const current: Prepared = { ...prepared, status: withAttempt({ ...status, progress }, known) };
  const observed = jobStatus(job, scope.pods, stage, scope);
  switch (observed.state) {
    case "succeeded":
      return stageCompleted(scope, current, stage, known, observed.result);
    case "failed":
      return attemptFailed(scope, current, stage, known, observed.failure);
    case "active": {
      const overdue = overdueFailure(scope, current.status.progress);
      return overdue === undefined
        ? attemptActive(scope, current, stage, known, observed.waiting)
        : giveUp(scope, current, stage, known, job, overdue);
    }
  }
}

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

function attemptActive(
  scope: RunScope,
  { status, stages }: Prepared,
  stage: Stage,
  attempt: Attempt,
  waiting: Waiting | undefined,
): RunResult {
  const { apply, remove } = suspension(scope);
  const older = children(
    scope,
    (object) => isOfStage(object, stage.name) && numberOf(object) < attempt.number,
  );
  const writes = {
    apply: [...missing(scope, status, stage, attempt), ...apply],
    remove: [...remove, ...older],
  };
  if (scope.spec.suspend) return { ...suspended(scope, status, stage), ...writes };
  if (remove.length > 0) return { ...madeAnew(status, stage), apply, remove: writes.remove };
  return {
    status: withStage(status, stage.name, { state: "Running" }),
    root:
      waiting === undefined
        ? (standstill(scope, status.progress) ?? running(indexOf(stages, stage)))
        : { reason: waiting.reason, message: `stage ${stage.name}: ${waiting.message}` },
    requeueAfter: scope.progressSeconds,
    ...writes,
  };
}

function stageCompleted(
  scope: RunScope,
  { status, inputs, stages }: Prepared,
  stage: Stage,
  attempt: Attempt,
  result: KernelResult,
): RunResult {
  const { run, kind, spec, storage, now } = scope;
  const artifact = stage.artifact
    ? artifactOf(stage, result, storage, inputs, artifactsOf(status))
    : undefined;
  if (stage.artifact && artifact === undefined) {
    const message = `stage ${stage.name} completed but named no artifact below ${stage.name}'s output; is the image one of Tanren's kernels?`;
    return fail(scope, status, stage.name, "ProgramFailed", message);
  }
  const results = storedResults(run, scope.configMaps).set(stage.name, result);
  const completionTime = timestamp(now);
  const ended: Attempt = {
    ...attempt,
    endTime: completionTime,
    reason: "StageCompleted",
    message: result.message,
    exitCode: 0,
    resumedFromStep: result.resumed_from_step ?? attempt.resumedFromStep,
  };
  const index = indexOf(stages, stage);
  const recorded: RunStatus = {
    ...withAttempt(status, ended),
    ...kind.results(spec, inputs, results),
    progress: finalProgress(status.progress ?? initialProgress(index, now), index, result.metrics),
  };
  const metrics = metricList(result.metrics);
  const next = withStage(recorded, stage.name, { state: "Succeeded", completionTime, metrics, artifact });
  const apply = [wanted(configMaps, resultsConfigMap(run, results), "update")];
  const following = stages[index.index + 1];
  if (following === undefined) return { ...runCompleted(scope, { status: next, inputs, stages }), apply };
  const message = `stage ${stage.name} completed; ${following.name} is next`;
  return { status: next, root: { reason: "Running", message }, requeueAfter: 0, apply, remove: [] };
}

function runCompleted(scope: RunScope, { status, inputs, stages }: Prepared): RunResult {
  const artifact = runArtifact(stages, artifactsOf(status), inputs) ?? status.artifact;
  const { length: count } = stages;
  const message = count === 1 ? "the stage completed" : `${count}/${count} stages completed`;
  return {
    status: { ...status, completionTime: timestamp(scope.now), artifact },
    root: { reason: "Completed", message },
    apply: [],
    remove: [],
  };
}

function attemptFailed(
  scope: RunScope,
  { status }: Prepared,
  stage: Stage,
  attempt: Attempt,
  failure: Failure,
): RunResult {
  const resumedFromStep = failure.resumedFromStep ?? attempt.resumedFromStep;
  const { restarts = 0, disruptions = 0 } = status;
  const before = gotOn({ ...attempt, endTime: timestamp(scope.now) }, status.progress?.checkpointStep)
    ? 0
    : (status.disruptionsInARow ?? 0);
  const consequence = consequenceOf(failure, {
    policy: scope.spec.failurePolicy,
    restarts,
    disruptionsInARow: before + 1,
    earlier: attemptsSinceRetry(status, stage.name).filter(({ number }) => number < attempt.number),
    resumedFromStep,
  });
  const counted = consequence.action === "restart" && consequence.counted;
  const isDisruption = isUncounted(failure);
  const closed: Attempt = {
    ...attempt,
    endTime: timestamp(scope.now),
    reason: failure.reason,
    message: failure.message,
    exitCode: failure.exitCode,
    resumedFromStep,
    counted,
  };
  const recorded = {
    ...withAttempt(status, closed),
    restarts: restarts + (counted ? 1 : 0),
    ...(isDisruption && { disruptions: disruptions + 1 }),
    disruptionsInARow: isDisruption ? before + 1 : 0,
  };
  if (consequence.action === "fail")
    return fail(scope, recorded, stage.name, consequence.reason, consequence.message);
  if (scope.spec.suspend) return suspended(scope, recorded, stage);
  return betweenAttempts(recorded, closed, backoffSeconds(attemptsSinceRetry(recorded, stage.name)));
}

function betweenAttempts(status: RunStatus, attempt: Attempt, seconds: number): RunResult {
  const { stage, number, reason, message } = attempt;
  return {
    status,
    root: {
      reason: "StageRestarted",
      message: `stage ${stage}: attempt ${number} ended (${reason}: ${message}); the next one follows`,
    },
    requeueAfter: seconds,
    apply: [],
    remove: [],
  };
}

/** No pods, and status as it is: progress and attempts stay for when the run resumes. */
function suspended(scope: RunScope, status: RunStatus, stage: Stage): RunResult {
  const hasStarted = stageStatus(status, stage.name)?.startTime !== undefined;
  const message = `spec.suspend is true; stage ${stage.name} resumes from its last checkpoint when it is false`;
  return {
    status: hasStarted ? withStage(status, stage.name, { state: "Suspended" }) : status,
    root: { reason: "Suspended", message },
    requeueAfter: hasLivePods(scope, stage) ? lookAgainSeconds : undefined,
    apply: [],
    remove: [],
  };
}

/** The stage stays suspended until its Job is gone, and is then made from the spec as it is now. */
function madeAnew(status: RunStatus, stage: Stage): RunResult {
  const message = `stage ${stage.name}: the spec was changed while it was suspended, and its Job is made again`;
  return { status, root: { reason: "WaitingForPods", message }, requeueAfter: 1, apply: [], remove: [] };
}

function podsLinger(status: RunStatus, stage: Stage): RunResult {
  const message = `stage ${stage.name}: pods of an earlier Job have not ended yet`;
  return { status, root: { reason: "WaitingForPods", message }, apply: [], remove: [] };
}

/** The run has failed. Jobs that still run are deleted. */
export function fail(
  scope: RunScope,
  status: RunStatus,
  stage: string | undefined,
  reason: Reason,
  message: string,
): RunResult {
  return {
    status: failed(status, stage, scope.now, { reason, message }),
    root: { reason, message },
    apply: [],
    remove: scope.jobs.filter((job) => !isFinished(job)).map((job) => found(jobs, job)),
  };
}

const hasLivePods = ({ pods }: RunScope, stage: Stage): boolean =>
  pods.some((pod) => isOfStage(pod, stage.name) && isLive(pod));

function indexOf(stages: readonly Stage[], stage: Stage): StageIndex {
  return {
    stage: stage.name,
    index: stages.findIndex(({ name }) => name === stage.name),
    count: stages.length,
  };
}

const running = ({ stage, index, count }: StageIndex) =>
  ({ reason: "Running", message: `running stage ${stage} (${index + 1}/${count})` }) as const;
