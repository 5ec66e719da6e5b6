import type { Reason } from "../api/reasons.ts";
import type { Attempt, RunSpec } from "../engine/run.ts";
import type { Failure, FailureClass } from "./job-status.ts";

/** What follows a failed attempt. */
export type Consequence = { action: "restart"; counted: boolean } | { action: "fail"; reason: Reason; message: string };

export interface History {
  policy: RunSpec["failurePolicy"];
  /** Restarts of the run that counted so far. */
  restarts: number;
  /** Earlier attempts at the same stage, oldest first. */
  earlier: readonly Attempt[];
  /** Step the failed attempt went on from; undefined: from the start. */
  resumedFromStep?: number;
}

type Rule = (failure: Failure, history: History) => Consequence;

const fail: Rule = ({ reason, message }) => ({ action: "fail", reason, message });

const restartUncounted: Rule = () => ({ action: "restart", counted: false });

const restartCounted: Rule = ({ reason, message }, { policy, restarts }) =>
  restarts < policy.maxRestarts
    ? { action: "restart", counted: true }
    : {
        action: "fail",
        reason: "RestartsExhausted",
        message: `all ${policy.maxRestarts} restarts of failurePolicy.maxRestarts are used up; the last failure was ${reason}: ${message}`,
      };

/** Killed for memory twice without a checkpoint in between: a third time would end the same. */
const outOfMemory: Rule = (failure, history) => {
  const last = history.earlier.at(-1);
  if (last?.reason !== "OutOfMemory" || last.resumedFromStep !== history.resumedFromStep)
    return restartCounted(failure, history);
  const mend = "raise spec.compute.resources.memory or lower the micro batch";
  return {
    action: "fail",
    reason: "OutOfMemory",
    message: `${failure.message}, as the attempt before it was at the same step; ${mend}`,
  };
};

const rules: Record<FailureClass, Rule> = {
  invalid: fail,
  numerics: (failure, history) => (history.policy.onDivergence === "Fail" ? fail : restartCounted)(failure, history),
  outOfMemory,
  lost: restartUncounted,
  program: restartCounted,
  infrastructure: restartUncounted,
  terminated: restartUncounted,
};

export function consequenceOf(failure: Failure, history: History): Consequence {
  return rules[failure.class](failure, history);
}

const firstBackoffSeconds = 5;
const longestBackoffSeconds = 300;
/** An attempt that ran this long was well: what ended it is a new trouble. */
const healthySeconds = 600;

/** Seconds between the end of the last attempt at a stage and the next: 5 s doubling to 5 min while attempts keep failing early. */
export function backoffSeconds(attempts: readonly Attempt[]): number {
  const lastHealthy = attempts.findLastIndex(
    ({ startTime, endTime }) =>
      endTime !== undefined && Date.parse(endTime) - Date.parse(startTime) >= healthySeconds * 1000,
  );
  const early = attempts.length - 1 - lastHealthy;
  return Math.min(firstBackoffSeconds * 2 ** Math.max(0, early - 1), longestBackoffSeconds);
}
