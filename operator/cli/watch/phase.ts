import { isReason, needsPerson, type Phase, type Reason, reasonEntry } from "../../api/reasons.ts";
import { isTrue } from "../../cluster/conditions.ts";
import { type AnyObject, isServing, rootCondition } from "../kinds.ts";

/** Where an object stands for someone who waits for it, by the table of reasons. */
export function phaseOf(object: AnyObject): Phase {
  const reason = reasonOf(object);
  return isReason(reason) ? reasonEntry(reason).phase : phaseByStatus(object);
}

/** The reason that decides: what an older spec got says nothing, and a missed threshold outweighs a run that completed. */
function reasonOf(object: AnyObject): string {
  const root = rootCondition(object);
  if (root === undefined || isUnseen(object)) return "Pending" satisfies Reason;
  return object.status?.passed === false ? ("ThresholdsNotMet" satisfies Reason) : root.reason;
}

/** For a reason that only a newer operator knows. */
function phaseByStatus(object: AnyObject): Phase {
  const root = rootCondition(object);
  if (root?.status === "True") return "done";
  if (object.status?.completionTime !== undefined) return "failed";
  return isTrue(object.status?.conditions, "Stalled") ? "blocked" : "running";
}

/** Whether no operator has said anything of the spec as it is: a condition that speaks of an older one says nothing about it. */
export function isUnseen(object: AnyObject): boolean {
  return (rootCondition(object)?.observedGeneration ?? 0) < (object.metadata.generation ?? 0);
}

/** Whether operator or cluster bring the object forward by themselves. */
export function isMoving(object: AnyObject): boolean {
  const phase = phaseOf(object);
  return phase === "running" || (phase === "waiting" && !waitsForObject(object));
}

function waitsForObject(object: AnyObject): boolean {
  const reason = reasonOf(object);
  return isReason(reason) && reasonEntry(reason).waitsFor === "object";
}

/** A run that has ended never comes back. An endpoint may, once what it stumbled over is mended. */
function isFinal(object: AnyObject): boolean {
  const phase = phaseOf(object);
  return phase === "done" || (phase === "failed" && !isServing(object.kind));
}

/**
 * A reconcile follows another within a second or two. What outlives this was not left by an operator that has yet to look again, and
 * is no passing state.
 */
export const quietSeconds = 10;

export interface Observed {
  object: AnyObject;
  secondsUnchanged: number;
}

/**
 * Whether none of the objects can move without a person. `others` are what else the operator works on: what waits for an object may
 * wait for one of them.
 */
export function isSettled(objects: readonly Observed[], others: readonly Observed[]): boolean {
  const isQuiet = ({ secondsUnchanged }: Observed) => secondsUnchanged >= quietSeconds;
  const all = [...objects, ...others];
  const nothingComes = () => all.every((one) => isQuiet(one) && !isMoving(one.object));
  return objects.every((one) => {
    if (isFinal(one.object)) return true;
    if (isMoving(one.object)) return false;
    return needsPerson(phaseOf(one.object)) ? isQuiet(one) : nothingComes();
  });
}
