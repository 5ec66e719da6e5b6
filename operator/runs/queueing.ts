import { findCondition } from "../cluster/conditions.ts";
import type { Condition, Job, KubernetesObject } from "../cluster/objects.ts";
import { plainText } from "../cluster/plain-text.ts";
import { type Cluster, ForbiddenError, UnknownKindError } from "../cluster/port.ts";
import type { Resource } from "../cluster/resource.ts";

/** Jobs of a queue: Kueue alone starts and stops them, and says in a Workload of its own why it does not. */

/** By this label Kueue takes a Job into a LocalQueue. */
export const queueLabel = "kueue.x-k8s.io/queue-name";

/** By this one it knows how the Job ranks among others: the name of a WorkloadPriorityClass. */
export const workloadPriorityLabel = "kueue.x-k8s.io/priority-class";

export const queueOf = ({ metadata }: Pick<KubernetesObject, "metadata">): string | undefined =>
  metadata.labels?.[queueLabel];

/** What Kueue makes for a Job to ask for its quota. */
interface Workload extends KubernetesObject {
  apiVersion: "kueue.x-k8s.io/v1beta2";
  kind: "Workload";
  status?: { conditions?: Condition[] };
}

const workloads: Resource<Workload> = {
  apiVersion: "kueue.x-k8s.io/v1beta2",
  kind: "Workload",
  plural: "workloads",
  status: true,
};

const longestReason = 500;

/**
 * Why a queued Job is not admitted, in Kueue's words; undefined where it has said nothing yet. The Job's own
 * Events do not tell. Asked of the API server: few Jobs wait at a time, and a watch would need Kueue in every
 * cluster.
 */
export async function notAdmitted(cluster: Cluster, { metadata }: Job): Promise<string | undefined> {
  const { namespace, uid } = metadata;
  const ofJob = { namespace, labels: { "kueue.x-k8s.io/job-uid": uid } };
  try {
    const [workload] = await cluster.list(workloads, ofJob);
    const reserved = findCondition(workload?.status?.conditions, "QuotaReserved");
    return reserved?.status === "False" ? plainText(reserved.message, longestReason) : undefined;
  } catch (error) {
    if (error instanceof ForbiddenError) return error.message;
    if (error instanceof UnknownKindError)
      return "the cluster serves no Workload of kueue.x-k8s.io/v1beta2: install Kueue 0.15 or newer, or name no queue";
    throw error;
  }
}
