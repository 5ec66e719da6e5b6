import type { Artifact } from "../api/artifact.ts";
import type { Reason } from "../api/reasons.ts";
import { timestamp } from "../clock/clock.ts";
import { type RootState, setCondition, setRootCondition } from "../cluster/conditions.ts";
import type { Attempt, Run, RunStatus, StageStatus } from "../engine/run.ts";
import type { Stage } from "../kinds/batch-kind.ts";

/** Changes of status, each a function from one status to the next. */

/** Attempts kept in status. */
const attemptsKept = 20;

export const stageStatus = (status: RunStatus, name: string): StageStatus | undefined =>
  status.stages?.find((stage) => stage.name === name);

/** Every stage of the run stands in status, in order; what is known of one stays. */
export function withStages(status: RunStatus, stages: readonly Stage[]): RunStatus {
  return { ...status, stages: stages.map(({ name }) => stageStatus(status, name) ?? { name, state: "Pending" }) };
}

export function withStage(status: RunStatus, name: string, change: Partial<StageStatus>): RunStatus {
  return {
    ...status,
    stages: (status.stages ?? []).map((stage) => (stage.name === name ? { ...stage, ...change } : stage)),
  };
}

/** Sets the attempt in the place of the one with its stage and number, or after all others. */
export function withAttempt(status: RunStatus, attempt: Attempt): RunStatus {
  const same = (other: Attempt) => other.stage === attempt.stage && other.number === attempt.number;
  const attempts = status.attempts ?? [];
  const set = attempts.some(same)
    ? attempts.map((other) => (same(other) ? attempt : other))
    : [...attempts, attempt].slice(-attemptsKept);
  return { ...status, attempts: set };
}

export const attemptsAt = (status: RunStatus, stage: string): Attempt[] =>
  (status.attempts ?? []).filter((attempt) => attempt.stage === stage);

/** Artifacts of the stages that have ended well. */
export function artifactsOf(status: RunStatus): Map<string, Artifact> {
  return new Map(
    (status.stages ?? []).flatMap(({ name, artifact }) => (artifact === undefined ? [] : [[name, artifact] as const])),
  );
}

/** What the root condition Succeeded can say. */
export const root = {
  /** Under way, or waiting for something that may come by itself. */
  open: (reason: Reason, message: string): RootState => ({
    type: "Succeeded",
    status: "Unknown",
    reason,
    message,
    stalled: false,
  }),
  /** Not begun, and not to be begun before a person changes something. */
  refused: (reason: Reason, message: string): RootState => ({
    type: "Succeeded",
    status: "False",
    reason,
    message,
    stalled: true,
  }),
  succeeded: (message: string): RootState => ({
    type: "Succeeded",
    status: "True",
    reason: "Completed",
    message,
    stalled: false,
  }),
};

/** The status with its root condition and what follows from it; where the kind says whether it has passed, as a condition too. */
export function concludeStatus(
  run: Run,
  status: RunStatus & { passed?: unknown },
  state: RootState,
  now: Date,
): RunStatus {
  const seen = { now, generation: run.metadata.generation ?? 0 };
  const conditions = setRootCondition(status.conditions ?? [], state, seen);
  const passed =
    typeof status.passed === "boolean" ? setCondition(conditions, passedCondition(status.passed), seen) : conditions;
  return { ...status, observedGeneration: seen.generation, conditions: passed };
}

function passedCondition(passed: boolean) {
  return passed
    ? ({ type: "Passed", status: "True", reason: "ThresholdsMet", message: "every threshold is met" } as const)
    : ({
        type: "Passed",
        status: "False",
        reason: "ThresholdsNotMet",
        message: "a score in status.scores is below its threshold",
      } as const);
}

/** The run has ended badly: no further attempt is made. */
export function failed(status: RunStatus, stage: string | undefined, now: Date): RunStatus {
  const completionTime = timestamp(now);
  const ended = { ...status, completionTime };
  return stage === undefined ? ended : withStage(ended, stage, { state: "Failed", completionTime });
}
