import type { Inputs } from "../api/artifact.ts";
import { timestamp } from "../clock/clock.ts";
import { claims, configMaps, jobs, networkPolicies, services } from "../cluster/resource.ts";
import { metricList } from "../engine/kernel-result.ts";
import { attemptName } from "../engine/names.ts";
import { networkPolicy } from "../engine/network-policy.ts";
import type { Attempt, RunStatus } from "../engine/run.ts";
import type { KernelResult, Stage } from "../kinds/batch-kind.ts";
import { again } from "../runtime/outcome.ts";
import { artifactOf, runArtifact } from "./artifact.ts";
import { backoffSeconds, consequenceOf } from "./failure-policy.ts";
import { type Failure, isLive, judge } from "./job-status.ts";
import { advanced, beginning, concluded } from "./progress.ts";
import { artifactsOf, attemptsAt, root, stageStatus, withAttempt, withStage } from "./run-status.ts";
import type { RunScope, WantedChild } from "./scope.ts";
import { attemptObjects, stageConfig } from "./stage-objects.ts";
import {
  attemptOf,
  children,
  failTurn,
  isOfStage,
  lookAgainSeconds,
  suspension,
  type Turn,
  turn,
  waitTurn,
  wanted,
} from "./step.ts";
import { resultsConfigMap, storedResults } from "./stored-results.ts";

/** A run that may run: its inputs are there and nothing forbids it. */
export interface Prepared {
  status: RunStatus;
  inputs: Inputs;
  stages: readonly Stage[];
}

/**
 * The life of a stage, as a function of what was read. Invariants, whatever instant the operator is killed at:
 * - an attempt is begun only when status says that the one before it has ended, and that is said only of a Job seen ended;
 * - status names an attempt only after its Job was made, so a named Job that is missing was taken away: it is made again;
 * - a Job that exists is never rendered anew.
 */
export function stageTurn(scope: RunScope, prepared: Prepared): Turn {
  const { status, stages } = prepared;
  const stage = stages.find(({ name }) => stageStatus(status, name)?.state !== "Succeeded");
  if (stage === undefined) return completed(scope, prepared);
  const last = attemptsAt(status, stage.name).at(-1);
  return last !== undefined && last.endTime === undefined
    ? attend(scope, prepared, stage, last)
    : beginNext(scope, prepared, stage, last);
}

function beginNext(scope: RunScope, prepared: Prepared, stage: Stage, last: Attempt | undefined): Turn {
  const { now, common } = scope;
  const { status } = prepared;
  if (common.suspend) return suspended(scope, status, stage);
  if (last?.endTime !== undefined) {
    const due = Date.parse(last.endTime) + backoffSeconds(attemptsAt(status, stage.name)) * 1000;
    const left = Math.ceil((due - now.getTime()) / 1000);
    if (left > 0) return betweenAttempts(status, last, left);
  }
  if (scope.pods.some((pod) => isOfStage(pod, stage.name) && isLive(pod))) return podsLinger(status, stage);
  return begin(scope, prepared, stage, {
    stage: stage.name,
    number: (last?.number ?? 0) + 1,
    jobName: attemptName(scope.run, stage.name, (last?.number ?? 0) + 1),
    startTime: timestamp(now),
    ...(last !== undefined &&
      status.progress?.checkpointStep !== undefined && { resumedFromStep: status.progress.checkpointStep }),
  });
}

function begin(scope: RunScope, prepared: Prepared, stage: Stage, attempt: Attempt): Turn {
  const { status, stages } = prepared;
  const { storage, now } = scope;
  const made = render(scope, status, stage, attempt);
  if ("problem" in made) return failTurn(scope, status, stage.name, "InvalidConfig", made.problem);
  const claim = storage.wanted && scope.claim === undefined ? [wanted(claims, storage.wanted, "create")] : [];
  const apply: WantedChild[] = [...claim, ...made.surroundings, made.job];
  const place = placeOf(stages, stage);
  const startTime = attempt.startTime;
  const begun = withAttempt(
    withStage(status, stage.name, {
      state: "Running",
      startTime: stageStatus(status, stage.name)?.startTime ?? startTime,
    }),
    attempt,
  );
  const progress = status.progress?.stage === stage.name ? status.progress : beginning(place, now);
  const state = root.open("Running", runningMessage(stages, stage));
  return turn({ ...begun, startTime: status.startTime ?? startTime, progress }, state, again(scope.progressSeconds), {
    apply,
  });
}

/** The attempt's objects; its Job is to come after what its pods need. */
function render(scope: RunScope, status: RunStatus, stage: Stage, attempt: Attempt) {
  const { run, common, storage, podDefaults } = scope;
  const made = stageConfig(run, common, stage, attempt.number, stage.config(artifactsOf(status)));
  if ("problem" in made) return made;
  const objects = attemptObjects({
    run,
    spec: common,
    storage,
    stage,
    attempt: attempt.number,
    config: made.config,
    podDefaults,
  });
  const policy = networkPolicy(run, scope.networkPolicies);
  const surroundings = [
    ...(policy ? [wanted(networkPolicies, policy, "update")] : []),
    wanted(configMaps, objects.configMap, "create"),
    ...(objects.service ? [wanted(services, objects.service, "create")] : []),
  ];
  return { surroundings, job: wanted(jobs, objects.job, "create") };
}

/** What the pods of a running attempt need and somebody took away. */
function missing(scope: RunScope, status: RunStatus, stage: Stage, attempt: Attempt): WantedChild[] {
  const made = render(scope, status, stage, attempt);
  if ("problem" in made) return [];
  const there = new Set(
    [...scope.configMaps, ...scope.services].map(({ kind, metadata }) => `${kind}/${metadata.name}`),
  );
  return made.surroundings.filter(
    ({ wanted: child, mode }) => mode === "update" || !there.has(`${child.kind}/${child.metadata.name}`),
  );
}

/** An attempt that status says is under way. */
function attend(scope: RunScope, prepared: Prepared, stage: Stage, attempt: Attempt): Turn {
  const { status, stages } = prepared;
  const swept = children(scope, (object) => isOfStage(object, stage.name) && attemptOf(object) < attempt.number);
  const job = scope.jobs.find(({ metadata }) => metadata.name === attempt.jobName);
  if (job === undefined || job.metadata.deletionTimestamp !== undefined) {
    if (scope.pods.some((pod) => isOfStage(pod, stage.name) && isLive(pod))) return podsLinger(status, stage);
    if (scope.common.suspend) return suspended(scope, status, stage);
    return job === undefined ? begin(scope, prepared, stage, attempt) : podsLinger(status, stage);
  }
  const progress = advanced(status.progress, scope.progress, placeOf(stages, stage), scope.now);
  const resumedFromStep = scope.progress?.resumed_from_step ?? attempt.resumedFromStep;
  const known: Attempt = { ...attempt, ...(resumedFromStep !== undefined && { resumedFromStep }) };
  const current: Prepared = { ...prepared, status: withAttempt({ ...status, progress }, known) };
  const verdict = judge(job, scope.pods, stage);
  switch (verdict.state) {
    case "succeeded":
      return stageSucceeded(scope, current, stage, known, verdict.result);
    case "failed":
      return attemptFailed(scope, current, stage, known, verdict.failure);
    case "active": {
      const next = active(scope, current, stage, verdict.waiting);
      return {
        ...next,
        apply: [...missing(scope, status, stage, known), ...next.apply],
        remove: [...next.remove, ...swept],
      };
    }
  }
}

function active(scope: RunScope, { status, stages }: Prepared, stage: Stage, waiting: string | undefined): Turn {
  const writes = suspension(scope);
  if (scope.common.suspend) return { ...suspended(scope, status, stage), ...writes };
  const state =
    waiting === undefined
      ? root.open("Running", runningMessage(stages, stage))
      : root.open("WaitingForPods", `stage ${stage.name}: ${waiting}`);
  return turn(withStage(status, stage.name, { state: "Running" }), state, again(scope.progressSeconds), writes);
}

function stageSucceeded(
  scope: RunScope,
  { status, inputs, stages }: Prepared,
  stage: Stage,
  attempt: Attempt,
  result: KernelResult,
): Turn {
  const { run, kind, spec, storage, now } = scope;
  const artifact = stage.artifact ? artifactOf(stage, result, storage, inputs, artifactsOf(status)) : undefined;
  if (stage.artifact && artifact === undefined) {
    const message = `stage ${stage.name} ended well but named no artifact below ${stage.name}'s output; is the image one of Tanren's kernels?`;
    return failTurn(scope, status, stage.name, "ProgramFailed", message);
  }
  const results = storedResults(run, scope.configMaps).set(stage.name, result);
  const completionTime = timestamp(now);
  const ended: Attempt = {
    ...attempt,
    endTime: completionTime,
    reason: "StageCompleted",
    message: result.message,
    exitCode: 0,
    ...(result.resumed_from_step !== undefined && { resumedFromStep: result.resumed_from_step }),
  };
  const place = placeOf(stages, stage);
  const recorded: RunStatus = {
    ...withAttempt(status, ended),
    ...kind.results(spec, inputs, results),
    progress: concluded(status.progress ?? beginning(place, now), place, result.metrics),
  };
  const next = withStage(recorded, stage.name, {
    state: "Succeeded",
    completionTime,
    metrics: metricList(result.metrics),
    ...(artifact !== undefined && { artifact }),
  });
  const apply = [wanted(configMaps, resultsConfigMap(run, results), "update")];
  if (place.index + 1 < stages.length) {
    const state = root.open("Running", `stage ${stage.name} ended well; ${stages[place.index + 1]?.name} is next`);
    return turn(next, state, again(0), { apply });
  }
  return { ...completed(scope, { status: next, inputs, stages }), apply };
}

function completed(scope: RunScope, { status, inputs, stages }: Prepared): Turn {
  const artifact = runArtifact(stages, artifactsOf(status), inputs);
  const message = stages.length === 1 ? "the stage ended well" : `all ${stages.length} stages ended well`;
  const ended = { ...status, completionTime: timestamp(scope.now), ...(artifact !== undefined && { artifact }) };
  return turn(ended, root.succeeded(message));
}

function attemptFailed(scope: RunScope, { status }: Prepared, stage: Stage, attempt: Attempt, failure: Failure): Turn {
  const resumedFromStep = failure.resumedFromStep ?? attempt.resumedFromStep;
  const restarts = status.restarts ?? 0;
  const consequence = consequenceOf(failure, {
    policy: scope.common.failurePolicy,
    restarts,
    earlier: attemptsAt(status, stage.name).filter(({ number }) => number < attempt.number),
    ...(resumedFromStep !== undefined && { resumedFromStep }),
  });
  const counted = consequence.action === "restart" && consequence.counted;
  const closed: Attempt = {
    ...attempt,
    endTime: timestamp(scope.now),
    reason: failure.reason,
    message: failure.message,
    ...(failure.exitCode !== undefined && { exitCode: failure.exitCode }),
    ...(resumedFromStep !== undefined && { resumedFromStep }),
    counted,
  };
  const recorded = { ...withAttempt(status, closed), restarts: restarts + (counted ? 1 : 0) };
  if (consequence.action === "fail")
    return failTurn(scope, recorded, stage.name, consequence.reason, consequence.message);
  if (scope.common.suspend) return suspended(scope, recorded, stage);
  return betweenAttempts(recorded, closed, backoffSeconds(attemptsAt(recorded, stage.name)));
}

function betweenAttempts(status: RunStatus, { stage, number, reason, message }: Attempt, seconds: number): Turn {
  const next = `stage ${stage}: attempt ${number} ended (${reason}: ${message}); the next one follows`;
  return turn(status, root.open("StageRestarted", next), again(seconds));
}

/** No pods, and status as it is: progress and attempts stay for when the run goes on. */
function suspended(scope: RunScope, status: RunStatus, stage: Stage): Turn {
  const state = root.open(
    "Suspended",
    `spec.suspend is true; stage ${stage.name} goes on from its last checkpoint when it is false`,
  );
  const known =
    stageStatus(status, stage.name)?.startTime === undefined
      ? status
      : withStage(status, stage.name, { state: "Suspended" });
  const stopping = scope.pods.some((pod) => isOfStage(pod, stage.name) && isLive(pod));
  return turn(known, state, stopping ? again(lookAgainSeconds) : undefined);
}

function podsLinger(status: RunStatus, stage: Stage): Turn {
  return waitTurn(status, "WaitingForPods", `stage ${stage.name}: pods of an earlier Job have not ended yet`);
}

function placeOf(stages: readonly Stage[], stage: Stage) {
  return { stage: stage.name, index: stages.findIndex(({ name }) => name === stage.name), count: stages.length };
}

function runningMessage(stages: readonly Stage[], stage: Stage): string {
  return `stage ${stage.name} is at work (${placeOf(stages, stage).index + 1} of ${stages.length})`;
}
