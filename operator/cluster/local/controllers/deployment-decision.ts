import { createHash } from "node:crypto";
import { timestamp } from "../../../clock/clock.ts";
import { type ConditionState, findCondition } from "../../conditions.ts";
import type { Condition, Deployment, Pod } from "../../objects.ts";
import { podsOfBounds } from "../../rolling-update.ts";
import { isReady, isTerminal, withCondition } from "../kubelet/pod-status.ts";

/** The Deployment controller's judgement, as a function of the Deployment, its pods and the time. */

export const hashLabel = "pod-template-hash";
const defaultProgressDeadlineSeconds = 600;

export interface DeploymentDecision {
  create: number;
  remove: Pod[];
  status: NonNullable<Deployment["status"]>;
  /** Milliseconds after which time alone changes the judgement. */
  again?: number;
}

type ProgressCondition = Condition & { lastUpdateTime?: string };

export function templateHash({ spec }: Deployment): string {
  return createHash("sha256").update(JSON.stringify(spec.template)).digest("hex").slice(0, 10);
}

export function decide(deployment: Deployment, pods: readonly Pod[], now: Date): DeploymentDecision {
  const hash = templateHash(deployment);
  const living = pods.filter((pod) => !pod.metadata.deletionTimestamp);
  const active = living.filter((pod) => !isTerminal(pod));
  const [updated, old] = [true, false].map((is) =>
    active.filter((pod) => (pod.metadata.labels?.[hashLabel] === hash) === is),
  );
  const wait = (pod: Pod) => untilAvailable(deployment, pod, now);
  const available = active.filter((pod) => wait(pod) === 0);
  const fleet: Fleet = {
    updated: updated ?? [],
    old: old ?? [],
    available,
    oldRuns: pods.some((pod) => pod.metadata.labels?.[hashLabel] !== hash && !isTerminal(pod)),
  };
  const { replicas } = deployment.spec;
  const status: DeploymentDecision["status"] = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: active.length,
    updatedReplicas: fleet.updated.length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: available.length,
    unavailableReplicas: Math.max(0, replicas - available.length),
  };
  status.conditions = conditionsOf(deployment, status, hash, now);
  const waits = [...active.map(wait), untilStalled(deployment, status.conditions, now)].filter(
    (ms) => ms > 0 && ms < Infinity,
  );
  const moves = moveTowards(deployment, fleet);
  // A pod that was evicted or cut off by a shutdown never runs again.
  const remove = [...moves.remove, ...living.filter(isTerminal)];
  const again = waits.length > 0 ? Math.min(...waits) : undefined;
  return { create: moves.create, remove, status, again };
}

interface Fleet {
  updated: Pod[];
  old: Pod[];
  available: Pod[];
  /** Whether a process of an older template still runs, told to end or not. */
  oldRuns: boolean;
}

/**
 * deployment/rolling.go and recreate.go of kube-controller-manager: first the new pods are brought to their
 * number, then old ones are taken away.
 */
function moveTowards(
  { spec }: Deployment,
  { updated, old, available, oldRuns }: Fleet,
): Pick<DeploymentDecision, "create" | "remove"> {
  const { replicas, strategy } = spec;
  const missing = Math.max(0, replicas - updated.length);
  const surplus = ranked(updated, available).slice(0, Math.max(0, updated.length - replicas));
  if (strategy.type === "Recreate") return { create: oldRuns ? 0 : missing, remove: [...old, ...surplus] };
  const { maxSurge, maxUnavailable } = podsOfBounds(strategy.rollingUpdate, replicas);
  const room = replicas + maxSurge - updated.length - old.length;
  const create = Math.max(0, Math.min(missing, room));
  const isAvailable = (pod: Pod) => available.includes(pod);
  const keptAvailable = updated.filter((pod) => !surplus.includes(pod) && isAvailable(pod)).length;
  const [serving, idle] = [true, false].map((is) => old.filter((pod) => isAvailable(pod) === is)) as [
    Pod[],
    Pod[],
  ];
  // New pods that do not serve yet are not counted on: for each of them an old one stays, if it can.
  const least = replicas - maxUnavailable;
  const expendable = (count: number) => Math.max(0, keptAvailable + count - least);
  return {
    create,
    remove: [
      ...surplus,
      ...idle.slice(0, expendable(old.length)),
      ...serving.slice(0, expendable(serving.length)),
    ],
  };
}

/** Those that do not serve first, then the youngest. */
function ranked(pods: Pod[], available: Pod[]): Pod[] {
  const age = (pod: Pod) => Date.parse(pod.metadata.creationTimestamp);
  return pods.toSorted(
    (a, b) => Number(available.includes(a)) - Number(available.includes(b)) || age(b) - age(a),
  );
}

/** Milliseconds until the pod has been ready for minReadySeconds; Infinity while it is not ready. */
function untilAvailable({ spec }: Deployment, pod: Pod, now: Date): number {
  if (!isReady(pod)) return Number.POSITIVE_INFINITY;
  const since = Date.parse(findCondition(pod.status?.conditions, "Ready")?.lastTransitionTime ?? "");
  return Math.max(0, since + (spec.minReadySeconds ?? 0) * 1_000 - now.getTime());
}

function conditionsOf(
  deployment: Deployment,
  status: DeploymentDecision["status"],
  hash: string,
  now: Date,
): Condition[] {
  const { spec, metadata } = deployment;
  const { strategy, replicas } = spec;
  const allowed =
    strategy.type === "RollingUpdate" ? podsOfBounds(strategy.rollingUpdate, replicas).maxUnavailable : 0;
  const serves = (status.availableReplicas ?? 0) >= replicas - allowed;
  const time = timestamp(now);
  const conditions = withCondition(deployment.status?.conditions, availability(serves), time);

  const revision = `ReplicaSet "${metadata.name}-${hash}"`;
  const before: ProgressCondition | undefined = findCondition(conditions, "Progressing");
  const complete = [status.updatedReplicas, status.replicas, status.availableReplicas].every(
    (count) => count === spec.replicas,
  );
  const done = progress("True", "NewReplicaSetAvailable", `${revision} has successfully progressed.`);
  // Once rolled out, a crash is no matter of progress: only Available tells of it.
  if (complete || (before?.reason === done.reason && before.message === done.message))
    return withCondition(conditions, done, time);

  const advancing = progress("True", "ReplicaSetUpdated", `${revision} is progressing.`);
  if (
    !before ||
    before.message.split('"')[1] !== `${metadata.name}-${hash}` ||
    hasAdvanced(deployment.status ?? {}, status)
  ) {
    return withUpdate(withCondition(conditions, advancing, time), time);
  }
  if (before.status === "False" || untilStalled(deployment, conditions, now) > 0) return conditions;
  return withCondition(
    conditions,
    progress("False", "ProgressDeadlineExceeded", `${revision} has timed out progressing.`),
    time,
  );
}

function availability(serves: boolean): ConditionState {
  return serves
    ? {
        type: "Available",
        status: "True",
        reason: "MinimumReplicasAvailable",
        message: "Deployment has minimum availability.",
      }
    : {
        type: "Available",
        status: "False",
        reason: "MinimumReplicasUnavailable",
        message: "Deployment does not have minimum availability.",
      };
}

function progress(status: "True" | "False", reason: string, message: string): ConditionState {
  return { type: "Progressing", status, reason, message };
}

function hasAdvanced(before: DeploymentDecision["status"], now: DeploymentDecision["status"]): boolean {
  const old = (status: DeploymentDecision["status"]) =>
    (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  const more = (field: "updatedReplicas" | "readyReplicas" | "availableReplicas") =>
    (now[field] ?? 0) > (before[field] ?? 0);
  return (
    more("updatedReplicas") || more("readyReplicas") || more("availableReplicas") || old(now) < old(before)
  );
}

function withUpdate(conditions: Condition[], lastUpdateTime: string): Condition[] {
  return conditions.map((condition) =>
    condition.type === "Progressing" ? { ...condition, lastUpdateTime } : condition,
  );
}

/** Milliseconds until a rollout that does not advance counts as failed; Infinity when none is under way. */
function untilStalled({ spec }: Deployment, conditions: Condition[] | undefined, now: Date): number {
  const under: ProgressCondition | undefined = findCondition(conditions, "Progressing");
  if (under?.reason !== "ReplicaSetUpdated") return Number.POSITIVE_INFINITY;
  const since = Date.parse(under.lastUpdateTime ?? under.lastTransitionTime);
  return Math.max(
    0,
    since + (spec.progressDeadlineSeconds ?? defaultProgressDeadlineSeconds) * 1_000 - now.getTime(),
  );
}
