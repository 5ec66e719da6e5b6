import { randomInt } from "node:crypto";
import { timestamp } from "../../../clock/clock.ts";
import { type ConditionState, isTrue } from "../../conditions.ts";
import type { Condition, ContainerStatus, Pod, TerminatedState } from "../../objects.ts";

/** The kubelet's statuses of a pod with one container, each made from the pod as it is and what was seen. */

export type PodStatus = NonNullable<Pod["status"]>;

/** The conditions with this one set; lastTransitionTime moves only when its status changes. */
export function withCondition(
  conditions: readonly Condition[] = [],
  state: ConditionState,
  now: string,
): Condition[] {
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

export function restartCount(pod: Pod): number {
  return pod.status?.containerStatuses?.[0]?.restartCount ?? 0;
}

export function unschedulable(pod: Pod, message: string, now: Date): PodStatus {
  const refused = { type: "PodScheduled", status: "False", reason: "Unschedulable", message } as const;
  return {
    ...pod.status,
    phase: "Pending",
    conditions: withCondition(pod.status?.conditions, refused, timestamp(now)),
  };
}

/**
 * An address of 127.64.0.0/10 that no living pod has. Random, so that nodes of other state directories hardly
 * ever meet.
 */
export function freeAddress(pods: readonly Pod[]): string {
  const taken = new Set(pods.filter((pod) => !isTerminal(pod)).map((pod) => pod.status?.podIP));
  for (;;) {
    const address = `127.${randomInt(64, 128)}.${randomInt(256)}.${randomInt(1, 255)}`;
    if (!taken.has(address)) return address;
  }
}

export function addressed(pod: Pod, podIP: string, now: Date): PodStatus {
  return { ...waiting(pod, "ContainerCreating", undefined, now), podIP, startTime: timestamp(now) };
}

/** A container that does not run yet, or not again yet. */
export function waiting(pod: Pod, reason: string, message: string | undefined, now: Date): PodStatus {
  const phase = restartCount(pod) > 0 ? "Running" : "Pending";
  return status(pod, phase, { state: { waiting: { reason, message } }, ready: false }, now);
}

export function running(pod: Pod, startedAt: Date, ready: boolean, now: Date): PodStatus {
  return status(pod, "Running", { state: { running: { startedAt: timestamp(startedAt) } }, ready }, now);
}

/** The container has ended and is started again after the back-off. */
export function restarting(pod: Pod, terminated: TerminatedState, now: Date): PodStatus {
  const next = restartCount(pod) + 1;
  const seconds = restartSeconds(next, terminated);
  const { name, namespace, uid } = pod.metadata;
  const container = pod.spec.containers[0]?.name;
  const message = `back-off ${seconds}s restarting failed container=${container} pod=${name}_${namespace}(${uid})`;
  const state = { waiting: { reason: "CrashLoopBackOff", message } };
  return status(pod, "Running", { state, ready: false, restartCount: next, lastState: { terminated } }, now);
}

export interface Termination {
  terminated?: TerminatedState;
  /** Why the node, rather than the program, ended the pod. */
  reason?: string;
  message?: string;
  condition?: ConditionState;
}

/** The pod has ended for good; without a terminated state it never ran. */
export function ended(
  pod: Pod,
  { terminated, reason, message, condition }: Termination,
  now: Date,
): PodStatus {
  const phase = terminated?.exitCode === 0 ? "Succeeded" : "Failed";
  const container = { ready: false, ...(terminated && { state: { terminated } }) };
  const { conditions = [], ...rest } = status(pod, phase, container, now);
  return {
    ...rest,
    ...(phase === "Failed" && reason && { reason, message }),
    conditions:
      phase === "Failed" && condition ? withCondition(conditions, condition, timestamp(now)) : conditions,
  };
}

/**
 * Seconds to wait before restart number n: at once, then 10 doubling to 300, forgotten after ten minutes of
 * running.
 */
export function restartSeconds(restarts: number, last: TerminatedState): number {
  const ran = Date.parse(last.finishedAt) - Date.parse(last.startedAt ?? last.finishedAt);
  return restarts <= 1 || ran >= 600_000 ? 0 : Math.min(300, 10 * 2 ** (restarts - 2));
}

/** Milliseconds left of the back-off. */
export function untilRestart(pod: Pod, now: Date): number {
  const last = pod.status?.containerStatuses?.[0]?.lastState?.terminated;
  if (!last) return 0;
  return Date.parse(last.finishedAt) + restartSeconds(restartCount(pod), last) * 1_000 - now.getTime();
}

function status(
  pod: Pod,
  phase: PodStatus["phase"],
  container: Partial<ContainerStatus>,
  now: Date,
): PodStatus {
  const name = pod.spec.containers[0]?.name ?? "";
  const created: ContainerStatus = {
    name,
    ready: false,
    restartCount: 0,
    state: { waiting: { reason: "ContainerCreating" } },
  };
  const next = { ...created, ...pod.status?.containerStatuses?.[0], ...container };
  return {
    ...pod.status,
    phase,
    conditions: conditions(pod, phase, next.ready, now),
    containerStatuses: [next],
  };
}

function conditions(pod: Pod, phase: PodStatus["phase"], ready: boolean, now: Date): Condition[] {
  const time = timestamp(now);
  const notReady =
    phase === "Succeeded" ? "PodCompleted" : phase === "Failed" ? "PodFailed" : "ContainersNotReady";
  const readiness = (type: string): ConditionState =>
    ready
      ? { type, status: "True", reason: "", message: "" }
      : {
          type,
          status: "False",
          reason: notReady,
          message: `containers with unready status: [${pod.spec.containers[0]?.name}]`,
        };
  const scheduled = { type: "PodScheduled", status: "True", reason: "", message: "" } as const;
  return [scheduled, readiness("ContainersReady"), readiness("Ready")].reduce<Condition[]>(
    (all, condition) => withCondition(all, condition, time),
    pod.status?.conditions ?? [],
  );
}
