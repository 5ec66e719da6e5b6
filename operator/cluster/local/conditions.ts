import { type ConditionState, isTrue } from "../conditions.ts";
import type { Condition, Pod } from "../objects.ts";

/** The conditions with this one set; lastTransitionTime moves only when its status changes. */
export function withCondition(conditions: readonly Condition[] = [], state: ConditionState, now: string): Condition[] {
  const before = conditions.find(({ type }) => type === state.type);
  const lastTransitionTime = before?.status === state.status ? before.lastTransitionTime : now;
  const next = { ...before, ...state, lastTransitionTime };
  return before ? conditions.map((other) => (other === before ? next : other)) : [...conditions, next];
}

/** Whether the pod has ended for good. */
export function isTerminal({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

export function isReady(pod: Pod): boolean {
  return !isTerminal(pod) && isTrue(pod.status?.conditions, "Ready");
}
