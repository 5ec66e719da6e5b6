import type { Reason } from "../../api/reasons.ts";
import { type AnyObject, rootCondition } from "../kinds.ts";

/**
 * How an object stands for someone who waits for it. `waiting`: it cannot move until another object does, or its spec is mended; so
 * waiting for it is pointless once nothing else moves.
 */
export type Standing = "good" | "failed" | "waiting" | "suspended" | "moving";

const waitingReasons: ReadonlySet<string> = new Set<Reason>([
  "InputNotReady",
  "InputNotFound",
  "InputFailed",
  "EvaluationNotPassed",
  "InvalidSpec",
  "CyclicReference",
  "TokenizerMismatch",
  "InsufficientMemory",
  "RolloutFailed",
  "ScaledToZero",
]);

export function standingOf(object: AnyObject): Standing {
  const root = rootCondition(object);
  if (root === undefined || isUnseen(object)) return "moving";
  // An Evaluation that ran well and missed a threshold is no success to whoever waits for it.
  if (object.status?.passed === false) return "failed";
  if (root.status === "True") return "good";
  if (root.reason === ("Suspended" satisfies Reason)) return "suspended";
  // A run that failed never comes back; an endpoint may.
  if (root.type === "Succeeded" && root.status === "False") return "failed";
  return waitingReasons.has(root.reason) ? "waiting" : "moving";
}

/** Whether no operator has said anything of the spec as it is: a condition that speaks of an older one says nothing about it. */
export function isUnseen(object: AnyObject): boolean {
  return (rootCondition(object)?.observedGeneration ?? 0) < (object.metadata.generation ?? 0);
}

/** A reconcile follows another within a second or two: a state that outlives this is no passing one. */
export const quietSeconds = 10;

/**
 * Whether the objects are where they will stay. `others` are what else the operator works on: what waits may wait for one of them.
 */
export function isSettled(
  objects: readonly AnyObject[],
  others: readonly AnyObject[],
  secondsUnchanged: number,
): boolean {
  const standings = objects.map(standingOf);
  if (standings.every((standing) => standing === "good" || standing === "failed")) return true;
  const moving = standings.includes("moving") || others.some((object) => standingOf(object) === "moving");
  return !moving && secondsUnchanged >= quietSeconds;
}
