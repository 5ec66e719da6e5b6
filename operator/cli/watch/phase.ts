import { isReason, needsPerson, type Phase, type Reason, reasonEntry } from "../../api/reasons.ts";
import { isTrue } from "../../cluster/conditions.ts";
import { type AnyObject, isServing, rootCondition } from "../kinds.ts";

/** Where an object stands for someone who waits for it, by the table of reasons. */
export function phaseOf(object: AnyObject): Phase {
  const reason = reasonOf(object);
  return isReason(reason) ? reasonEntry(reason).phase : phaseByStatus(object);
}

/** The reason that decides: not one about an older spec; and a missed threshold outweighs a completed run. */
function reasonOf(object: AnyObject): string {
  const root = rootCondition(object);
  if (root === undefined || isUnseen(object)) return "Pending" satisfies Reason;
  return object.status?.passed === false ? ("ThresholdsNotMet" satisfies Reason) : root.reason;
}

/** For a reason that only a newer operator knows: stalled is what needs a person. */
function phaseByStatus(object: AnyObject): Phase {
  const { conditions, completionTime } = object.status ?? {};
  const root = rootCondition(object);
  if (completionTime !== undefined) return root?.status === "True" ? "done" : "failed";
  if (isTrue(conditions, "Stalled")) return "blocked";
  // An endpoint may answer while it is worked on.
  if (isTrue(conditions, "Reconciling")) return "running";
  if (root?.status === "True") return "done";
  return root?.type === "Succeeded" && root.status === "False" ? "failed" : "running";
}

/** Whether no operator has reported on the spec as it is now. */
export function isUnseen(object: AnyObject): boolean {
  return (rootCondition(object)?.observedGeneration ?? 0) < (object.metadata.generation ?? 0);
}

/** Whether the object proceeds by itself: operator or cluster are at it. */
export function isMoving(object: AnyObject): boolean {
  const phase = phaseOf(object);
  return phase === "running" || (phase === "waiting" && !waitsForPerson(object));
}

/** Somebody may yet make an object, or raise a quota. */
function waitsForPerson(object: AnyObject): boolean {
  const reason = reasonOf(object);
  const waitsFor = isReason(reason) ? reasonEntry(reason).waitsFor : undefined;
  return waitsFor === "object" || waitsFor === "administrator";
}

/** A run that has ended stays so. A failed endpoint may recover: its pods are restarted. */
function isFinal(object: AnyObject): boolean {
  const phase = phaseOf(object);
  return phase === "done" || (phase === "failed" && !isServing(object.kind));
}

/**
 * Reconciles follow each other within seconds: a state that lasts longer is neither passing nor left from
 * before.
 */
export const quietSeconds = 10;

export interface Observed {
  object: AnyObject;
  secondsUnchanged: number;
}

/**
 * Whether none of the objects can move without a person. One that waits for an object may wait for one of
 * `others`.
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
