import type { Inputs } from "../api/artifact.ts";
import type { Reason } from "../api/reasons.ts";
import { isFinished } from "../cluster/conditions.ts";
import { jobs } from "../cluster/resource.ts";
import { found, type ReconcileResult } from "../engine/reconcile-result.ts";
import type { Attempt, RunStatus, Stage } from "../kinds/batch-kind.ts";
import { lookAgainSeconds } from "../runtime/outcome.ts";
import { isLive } from "./attempts.ts";
import type { StageIndex } from "./progress.ts";
import type { RunScope } from "./scope.ts";
import { isOfStage } from "./stage-objects.ts";
import { failed, stageStatus, withStage } from "./status.ts";

/** What a look at a stage comes to where nothing is begun: it waits, is suspended, or has failed. */

export type RunResult = ReconcileResult<RunStatus>;

/** A run that may run: its inputs are there and nothing forbids it. */
export interface Prepared {
  status: RunStatus;
  inputs: Inputs;
  stages: readonly Stage[];
}

export function betweenAttempts(status: RunStatus, attempt: Attempt, seconds: number): RunResult {
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
export function suspended(scope: RunScope, status: RunStatus, stage: Stage): RunResult {
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
export function madeAnew(status: RunStatus, stage: Stage): RunResult {
  const message = `stage ${stage.name}: the spec was changed while it was suspended, and its Job is made again`;
  return { status, root: { reason: "WaitingForPods", message }, requeueAfter: 1, apply: [], remove: [] };
}

export function podsLinger(status: RunStatus, stage: Stage): RunResult {
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

export const hasLivePods = ({ pods }: RunScope, stage: Stage): boolean =>
  pods.some((pod) => isOfStage(pod, stage.name) && isLive(pod));

export function indexOf(stages: readonly Stage[], stage: Stage): StageIndex {
  return {
    stage: stage.name,
    index: stages.findIndex(({ name }) => name === stage.name),
    count: stages.length,
  };
}

export const running = ({ stage, index, count }: StageIndex) =>
  ({ reason: "Running", message: `running stage ${stage} (${index + 1}/${count})` }) as const;
