import { timestamp } from "../clock/clock.ts";
import { configMaps } from "../cluster/resource.ts";
import { inWordsOfClaims } from "../engine/claim-paths.ts";
import { wanted } from "../engine/reconcile-result.ts";
import type { Attempt, KernelResult, RunStatus, Stage } from "../kinds/batch-kind.ts";
import { backoffSeconds, consequenceOf, type Failure, gotOn, isLoss, isUncounted } from "./attempts.ts";
import { finalProgress, initialProgress, metricList } from "./progress.ts";
import type { RunScope } from "./scope.ts";
import { children, isOfStage, numberOf } from "./stage-objects.ts";
import { betweenAttempts, fail, indexOf, type Prepared, type RunResult, suspended } from "./stage-results.ts";
import {
  artifactOf,
  artifactsOf,
  attemptsSinceRetry,
  passedOver,
  resultsConfigMap,
  runArtifact,
  storedResults,
  withAttempt,
  withStage,
} from "./status.ts";

/** How an attempt ends, well or badly, and what follows from it: the next stage, another attempt, the run's end. */

/** What earlier attempts at the stage were made of. */
export const ofOlderAttempts = (scope: RunScope, { stage, number }: Attempt) =>
  children(scope, (object) => isOfStage(object, stage) && numberOf(object) < number);

export function stageCompleted(
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
    message: forPeople(scope, stage, result.message),
    exitCode: 0,
    resumedFromStep: result.resumed_from_step ?? attempt.resumedFromStep,
    checkpointsPassedOver: passedOver(result, attempt),
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
  const remove = ofOlderAttempts(scope, attempt);
  const following = stages[index.index + 1];
  if (following === undefined)
    return { ...runCompleted(scope, { status: next, inputs, stages }), apply, remove };
  const message = `stage ${stage.name} completed; ${following.name} is next`;
  return { status: next, root: { reason: "Running", message }, requeueAfter: 0, apply, remove };
}

/** What a program says of its files names claims. */
const forPeople = ({ storage }: RunScope, { mounts }: Stage, message: string): string =>
  inWordsOfClaims(message, {
    inputs: mounts,
    output: { claimName: storage.claimName, directory: storage.directory },
  });

export function runCompleted(scope: RunScope, { status, inputs, stages }: Prepared): RunResult {
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

export function attemptFailed(
  scope: RunScope,
  { status }: Prepared,
  stage: Stage,
  attempt: Attempt,
  end: Failure,
): RunResult {
  const failure = { ...end, message: forPeople(scope, stage, end.message) };
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
    ...scope.kind.partialResults?.(failure),
    restarts: restarts + (counted ? 1 : 0),
    ...(isDisruption && { disruptions: disruptions + 1 }),
    disruptionsInARow: isDisruption ? before + (isLoss(failure) ? 1 : 0) : 0,
  };
  if (consequence.action === "fail")
    return fail(scope, recorded, stage.name, consequence.reason, consequence.message);
  if (scope.spec.suspend) return suspended(scope, recorded, stage);
  return betweenAttempts(recorded, closed, backoffSeconds(attemptsSinceRetry(recorded, stage.name)));
}
