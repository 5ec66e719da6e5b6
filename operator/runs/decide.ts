import type { Inputs } from "../api/artifact.ts";
import type { Reason } from "../api/reasons.ts";
import { controllerUid } from "../engine/names.ts";
import { isResolved, resolve } from "../engine/references.ts";
import type { Run, RunStatus } from "../engine/run.ts";
import { again, done } from "../runtime/outcome.ts";
import { concludeStatus, root, withStages } from "./run-status.ts";
import type { Decision, RunScope } from "./scope.ts";
import { stageTurn } from "./stage.ts";
import { children, failTurn, lookAgainSeconds, refuseTurn, suspension, type Turn, waitTurn } from "./step.ts";

/** What is to be done with a run, as a pure function of what was read. */
export function decide(scope: RunScope): Decision {
  const status = scope.run.status ?? {};
  if (status.completionTime !== undefined) return retire(scope, status, status.completionTime);
  const { state, ...next } = unfinished(scope, status);
  return { ...next, status: concludeStatus(scope.run, next.status, state, scope.now) };
}

/** What stands in the way and is no matter of the scope: a spec no API server would have let in, a child that cannot be made. */
export function decideHeld(run: Run, { reason, message }: { reason: Reason; message: string }, now: Date): Decision {
  const state = reason === "InvalidSpec" ? root.refused(reason, message) : root.open(reason, message);
  const status = concludeStatus(run, run.status ?? {}, state, now);
  return {
    apply: [],
    remove: [],
    status,
    outcome: { kind: "waiting", reason, message, afterSeconds: lookAgainSeconds },
  };
}

/** A finished run does nothing any more but let go of its Jobs after ttlSecondsAfterFinished. */
function retire(scope: RunScope, status: RunStatus, completionTime: string): Decision {
  const ttl = scope.common.ttlSecondsAfterFinished;
  const seen = { ...status, observedGeneration: scope.run.metadata.generation ?? 0 };
  const kept = { apply: [], remove: [], status: seen };
  if (ttl === undefined) return { ...kept, outcome: done };
  const left = Math.ceil((Date.parse(completionTime) - scope.now.getTime()) / 1000) + ttl;
  if (left > 0) return { ...kept, outcome: again(left) };
  return { ...kept, remove: children(scope, () => true), outcome: done };
}

function unfinished(scope: RunScope, old: RunStatus): Turn {
  const { kind, spec, common, storage, claim, run } = scope;
  const deadline = secondsToDeadline(scope, old);
  if (deadline !== undefined && deadline <= 0) {
    const stage = old.stages?.find(({ state }) => state === "Running" || state === "Suspended")?.name;
    const message = `the run had not ended ${common.activeDeadlineSeconds} s after its start, as spec.activeDeadlineSeconds asks`;
    return failTurn(scope, old, stage, "DeadlineExceeded", message);
  }
  const seen = scope.references.map(resolve);
  const inputs: Inputs = new Map(seen.filter(isResolved).map((input) => [input.role, input]));
  // A run that has begun keeps the plan it began with.
  const begun = old.startTime !== undefined;
  const plan = begun ? old.plan : kind.plan(spec, inputs);
  const status: RunStatus = { ...old, ...(plan !== undefined && { plan }) };

  if (scope.cycle !== undefined && !begun)
    return refuseTurn(status, "CyclicReference", `the references go in a circle: ${scope.cycle.join(" -> ")}`);
  const problem = seen.find((input) => !isResolved(input));
  if (problem !== undefined && !isResolved(problem)) {
    const { reason, message } = problem;
    return reason === "InputFailed" && !begun
      ? refuseTurn(status, reason, message)
      : waitTurn(status, reason, message, suspension(scope));
  }
  const refusal = begun ? undefined : kind.refuse(spec, inputs);
  if (refusal !== undefined) return refuseTurn(status, refusal.reason, refusal.message);
  if (storage.wanted === undefined && claim === undefined) {
    const message = `PersistentVolumeClaim ${storage.claimName} of spec.storage.claimName does not exist; create it or correct the name`;
    return waitTurn(status, "InputNotFound", message);
  }
  if (storage.wanted !== undefined && claim !== undefined && controllerUid(claim) !== run.metadata.uid) {
    const message = `PersistentVolumeClaim ${storage.claimName} exists and is not this run's; delete it, or name it in spec.storage.claimName`;
    return waitTurn(status, "Pending", message);
  }
  const stages = kind.stages(spec, inputs);
  const taken = stageTurn(scope, { status: withStages(status, stages), inputs, stages });
  return beforeDeadline(taken, secondsToDeadline(scope, taken.status));
}

function secondsToDeadline({ common, now }: RunScope, { startTime }: RunStatus): number | undefined {
  if (common.activeDeadlineSeconds === undefined || startTime === undefined) return undefined;
  return Math.ceil((Date.parse(startTime) - now.getTime()) / 1000) + common.activeDeadlineSeconds;
}

/** Wakes the run at its deadline, unless something else wakes it before. */
function beforeDeadline(taken: Turn, seconds: number | undefined): Turn {
  if (seconds === undefined || taken.status.completionTime !== undefined) return taken;
  const { outcome } = taken;
  const afterSeconds = Math.max(0, seconds);
  if (outcome.kind === "done") return { ...taken, outcome: again(afterSeconds) };
  if (outcome.kind === "stalled") return taken;
  return { ...taken, outcome: { ...outcome, afterSeconds: Math.min(outcome.afterSeconds, afterSeconds) } };
}
