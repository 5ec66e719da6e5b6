import type { Job, Pod, PodFailurePolicyRule, Wanted } from "../../objects.ts";
import { podSuffix } from "../apiserver/admission.ts";
import { isTerminal } from "../kubelet/pod-status.ts";

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
      ownerReferences: [
        { apiVersion: "batch/v1", kind: "Job", name, uid, controller: true, blockOwnerDeletion: true },
      ],
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

type Match = { action: PodFailurePolicyRule["action"]; message: string };

/**
 * The first rule of the Job's podFailurePolicy that the failed pod meets; undefined counts the failure, as
 * the default does.
 */
export function matchFailurePolicy(job: Job, pod: Pod): Match | undefined {
  if (pod.status?.phase !== "Failed") return undefined;
  const rules = job.spec.podFailurePolicy?.rules ?? [];
  for (const [index, rule] of rules.entries()) {
    const why = matchExitCode(rule, pod) ?? matchCondition(rule, pod);
    if (why) return { action: rule.action, message: `${why} matching ${rule.action} rule at index ${index}` };
  }
  return undefined;
}

function matchExitCode({ onExitCodes }: PodFailurePolicyRule, pod: Pod): string | undefined {
  if (!onExitCodes) return undefined;
  for (const { name, state } of pod.status?.containerStatuses ?? []) {
    const exitCode = state.terminated?.exitCode ?? 0;
    // Success never matches, not even NotIn.
    if (exitCode === 0 || (onExitCodes.containerName ?? name) !== name) continue;
    if (onExitCodes.values.includes(exitCode) === (onExitCodes.operator === "In")) {
      return `Container ${name} for pod ${pod.metadata.namespace}/${pod.metadata.name} failed with exit code ${exitCode}`;
    }
  }
  return undefined;
}

function matchCondition({ onPodConditions = [] }: PodFailurePolicyRule, pod: Pod): string | undefined {
  const met = onPodConditions.find((wanted) =>
    pod.status?.conditions?.some(({ type, status }) => type === wanted.type && status === wanted.status),
  );
  return met && `Pod ${pod.metadata.namespace}/${pod.metadata.name} has condition ${met.type}`;
}

/**
 * Sets of completion indexes in the notation of a Job's status: three or more in a row have a hyphen,
 * "0,1,3-5".
 */

export function parseIndexes(text = ""): Set<number> {
  const indexes = new Set<number>();
  for (const range of text.split(",").filter(Boolean)) {
    const [first = 0, last = first] = range.split("-").map(Number);
    for (let index = first; index <= last; index++) indexes.add(index);
  }
  return indexes;
}

export function formatIndexes(indexes: ReadonlySet<number>): string {
  const ranges: [first: number, last: number][] = [];
  for (const index of [...indexes].sort((a, b) => a - b)) {
    const range = ranges.at(-1);
    if (range && range[1] === index - 1) range[1] = index;
    else ranges.push([index, index]);
  }
  const format = ([first, last]: [number, number]) => {
    if (first === last) return `${first}`;
    return `${first}${last === first + 1 ? "," : "-"}${last}`;
  };
  return ranges.map(format).join(",");
}
