import { isDeepStrictEqual } from "node:util";
import { timestamp } from "../clock/clock.ts";
import type { Condition, Job } from "./objects.ts";

/** Conditions of an object: a list that is a map by type. */

export interface ConditionState {
  type: string;
  status: Condition["status"];
  reason: string;
  message: string;
}

export interface Observation {
  now: Date;
  generation: number;
}

export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function isTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === "True";
}

/** Whether a Job has ended, well or badly. */
export const isFinished = ({ status }: Pick<Job, "status">): boolean =>
  isTrue(status?.conditions, "Complete") || isTrue(status?.conditions, "Failed");

/**
 * The conditions with one set. lastTransitionTime moves only when status does; nothing changes when nothing
 * changes.
 */
export function setCondition(
  conditions: readonly Condition[],
  state: ConditionState,
  seen: Observation,
): Condition[] {
  const old = findCondition(conditions, state.type);
  const set: Condition = {
    ...state,
    lastTransitionTime: old?.status === state.status ? old.lastTransitionTime : timestamp(seen.now),
    observedGeneration: seen.generation,
  };
  if (old === undefined) return [...conditions, set];
  return conditions.map((condition) => (condition === old && !isDeepStrictEqual(old, set) ? set : condition));
}

export function withoutCondition(conditions: readonly Condition[], type: string): Condition[] {
  return conditions.filter((condition) => condition.type !== type);
}

/** What the root condition says of an object. */
export interface RootState {
  /** `Succeeded` of what ends, `Ready` of what lives. */
  type: "Succeeded" | "Ready";
  status: Condition["status"];
  reason: string;
  message: string;
  /** Whether what is wished for is there; an endpoint may be Ready without. */
  fulfilled: boolean;
  /** Whether nothing will change without a person. */
  stalled: boolean;
}

/**
 * The root condition and, derived from it here and nowhere else, what kstatus reads: Reconciling while the
 * operator is at it, Stalled when it has given up, neither when the wish is fulfilled. They are present only
 * while true. Ready of a run is that it has succeeded.
 */
export function setRootCondition(
  conditions: readonly Condition[],
  root: RootState,
  seen: Observation,
): Condition[] {
  const { type, fulfilled, stalled, ...word } = root;
  const ready: ConditionState = { ...word, type: "Ready", status: root.status === "True" ? "True" : "False" };
  let set = setCondition(conditions, { ...word, type }, seen);
  if (type !== "Ready") set = setCondition(set, ready, seen);
  const active = stalled ? "Stalled" : "Reconciling";
  for (const sign of ["Reconciling", "Stalled"]) {
    if (!fulfilled && sign === active) set = setCondition(set, { ...word, type: sign, status: "True" }, seen);
    else set = withoutCondition(set, sign);
  }
  return set;
}
