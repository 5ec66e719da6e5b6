import type { Job, Pod, Wanted } from "../../objects.ts";
import { isTerminal } from "../conditions.ts";
import { podSuffix } from "../kubelet/pod-names.ts";

/** The pods of an Indexed Job: how they are made and read. Names and labels are those of batch/v1. */

/** Keeps an ended pod until the Job's status has recorded it, so that none is forgotten or counted twice. */
export const trackingFinalizer = "batch.kubernetes.io/job-tracking";
const indexKey = "batch.kubernetes.io/job-completion-index";
const failuresKey = "batch.kubernetes.io/job-index-failure-count";

export function podOfIndex(
  job: Job,
  index: number,
  failures: number,
): Wanted<Pod> & { metadata: { finalizers: string[] } } {
  const { metadata, spec } = job.spec.template;
  const { name, namespace, uid } = job.metadata;
  const perIndex: Record<string, string> =
    job.spec.backoffLimitPerIndex === undefined ? {} : { [failuresKey]: String(failures) };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `${name}-${index}-${podSuffix()}`,
      namespace,
      labels: {
        ...metadata.labels,
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
        [indexKey]: String(index),
      },
      annotations: { ...metadata.annotations, ...perIndex, [indexKey]: String(index) },
      ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name, uid, controller: true, blockOwnerDeletion: true }],
      finalizers: [trackingFinalizer],
    },
    spec: {
      ...spec,
      hostname: `${name}-${index}`,
      containers: spec.containers.map((container) => ({
        ...container,
        env: [...container.env, { name: "JOB_COMPLETION_INDEX", value: String(index) }],
      })),
    },
  };
}

export function indexOf(pod: Pod): number {
  return Number(pod.metadata.annotations?.[indexKey]);
}

/** Failures of the pod's index before this pod. */
export function failuresBefore(pod: Pod): number {
  return Number(pod.metadata.annotations?.[failuresKey] ?? 0);
}

export function isTracked(pod: Pod): boolean {
  return pod.metadata.finalizers?.includes(trackingFinalizer) ?? false;
}

export function isActive(pod: Pod): boolean {
  return !isTerminal(pod) && !pod.metadata.deletionTimestamp;
}

/** Milliseconds since 1970 at which the pod's last container ended. */
export function finishedAt(pod: Pod): number {
  const times = (pod.status?.containerStatuses ?? []).map(({ state }) =>
    Date.parse(state.terminated?.finishedAt ?? ""),
  );
  return Math.max(...times.filter(Number.isFinite), Date.parse(pod.metadata.creationTimestamp));
}
