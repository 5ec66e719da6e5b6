import type { Job, Pod, PodFailurePolicyRule } from "../../objects.ts";

export type Match = { action: PodFailurePolicyRule["action"]; message: string };

/** The first rule of the Job's podFailurePolicy that the failed pod meets; undefined counts the failure, as the default does. */
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
