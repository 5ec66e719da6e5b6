import type { Reason } from "../api/reasons.ts";
import { findCondition, isFinished } from "../cluster/conditions.ts";
import type { Job, PersistentVolumeClaim, Pod } from "../cluster/objects.ts";
import { plainText } from "../cluster/plain-text.ts";
import { kernelStatus } from "../engine/kernel-pod.ts";
import { queueOf } from "./queueing.ts";

/** Why the pods of an attempt do not run, in the words of whoever keeps them from it. */

export interface Waiting {
  reason: Extract<Reason, "WaitingForPods" | "FailedCreate" | "Queued" | "JobSuspended" | "NodeLost">;
  message: string;
}

/**
 * Undefined when all pods run. `complaint` is what others say of what `stuckAt` names: neither Job nor pod say
 * themselves why pods are not made or cannot start.
 */
export function waitingFor(job: Job, pods: readonly Pod[], complaint?: string): Waiting | undefined {
  const { name } = job.metadata;
  if (isManagedElsewhere(job)) return managedElsewhere(job);
  if (job.spec.suspend === true) return suspendedBySomebody(job, complaint);
  if (pods.length < job.spec.completions && complaint !== undefined) {
    const made = `${pods.length} of ${job.spec.completions} pods of Job ${name} are created`;
    return { reason: "FailedCreate", message: `${made}: ${complaint}` };
  }
  if (pods.length === 0) return waitingForPods(`Job ${name} has no pods yet`);
  const lost = pods.find(isOnLostNode);
  if (lost !== undefined) return nodeLost(lost);
  const pending = pods.find(isPending);
  return pending && waitingForPods(`pod ${pending.metadata.name}${pendingReason(pending, complaint)}`);
}

/**
 * The Job that is not admitted or lacks pods, the pod that was placed and cannot start, or the run's own claim
 * that no storage was found for: others say why.
 */
export function stuckAt(
  jobs: readonly Job[],
  pods: readonly Pod[],
  claim?: PersistentVolumeClaim,
): Job | Pod | PersistentVolumeClaim | undefined {
  const job = jobs.find((each) => !isFinished(each) && (each.spec.suspend !== true || isNotAdmitted(each)));
  if (job === undefined || job.metadata.deletionTimestamp !== undefined) return undefined;
  if (isNotAdmitted(job)) return job;
  const own = pods.filter((pod) => pod.metadata.ownerReferences?.some(({ uid }) => uid === job.metadata.uid));
  if (own.length < job.spec.completions) return job;
  const pending = own.filter(isPending);
  const isUnbound = pending.length > 0 && claim?.status?.phase === "Pending";
  return pending.find(isPlaced) ?? (isUnbound ? claim : undefined);
}

const waitingForPods = (message: string): Waiting => ({ reason: "WaitingForPods", message });

export const isNotAdmitted = (job: Job): boolean => job.spec.suspend === true && queueOf(job) !== undefined;

const isManagedElsewhere = ({ spec: { managedBy } }: Job): boolean =>
  managedBy !== undefined && managedBy !== "kubernetes.io/job-controller";

/** MultiKueue copies the Job alone to another cluster: its pods would lack all that it mounts. */
function managedElsewhere({ metadata: { name }, spec: { managedBy } }: Job): Waiting {
  const mend = "name a queue whose ClusterQueue has no such admission check, and start the run again";
  return {
    reason: "FailedCreate",
    message: `pods of Job ${name} are not made in this cluster, for its spec.managedBy is ${managedBy}, and claims and configuration do not follow it to another: ${mend}`,
  };
}

function suspendedBySomebody(job: Job, complaint: string | undefined): Waiting {
  const { name } = job.metadata;
  const queue = queueOf(job);
  if (queue !== undefined) {
    const why = complaint === undefined ? "" : `: ${complaint}`;
    return { reason: "Queued", message: `Job ${name} waits until LocalQueue ${queue} admits it${why}` };
  }
  const mend = `kubectl patch job ${name} --type merge --patch '{"spec":{"suspend":false}}'`;
  return {
    reason: "JobSuspended",
    message: `Job ${name} was suspended by somebody else than this run; whoever did it resumes it, or ${mend}`,
  };
}

const longestReason = 1024;

const isPending = (pod: Pod): boolean => pod.status === undefined || pod.status.phase === "Pending";

export const isPlaced = ({ spec, status }: Pod): boolean =>
  spec.nodeName !== undefined || findCondition(status?.conditions, "PodScheduled")?.status === "True";

function pendingReason(pod: Pod, complaint: string | undefined): string {
  const scheduled = findCondition(pod.status?.conditions, "PodScheduled");
  if (scheduled?.status === "False") return inWords([scheduled.reason, scheduled.message, complaint]);
  const waiting = kernelStatus(pod)?.state.waiting;
  if (waiting === undefined) return complaint === undefined ? " is pending" : `: ${complaint}`;
  return inWords([waiting.reason, waiting.message ?? complaint]);
}

const inWords = (words: readonly (string | undefined)[]): string =>
  words.map((word) => (word ? `: ${plainText(word, longestReason)}` : "")).join("");

/**
 * A container that runs in a pod that is not ready: batch pods have no readiness probe, so the node does not
 * answer.
 */
export const isOnLostNode = (pod: Pod): boolean =>
  pod.status?.phase === "Running" &&
  kernelStatus(pod)?.state.running !== undefined &&
  findCondition(pod.status.conditions, "Ready")?.status === "False";

function nodeLost({ metadata, spec, status }: Pod): Waiting {
  const since = findCondition(status?.conditions, "Ready")?.lastTransitionTime;
  const mend =
    "the pod is replaced when the node is back or removed from the cluster, or after failurePolicy.nodeLostSeconds";
  return {
    reason: "NodeLost",
    message: `node ${spec.nodeName} of pod ${metadata.name} has not answered since ${since}; ${mend}`,
  };
}
