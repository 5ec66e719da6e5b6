import { type Reason, reasonOfKernel } from "../api/reasons.ts";
import { findCondition, isTrue } from "../cluster/conditions.ts";
import type { Deployment, Pod, Service } from "../cluster/objects.ts";
import { podsOfBounds } from "../cluster/rolling-update.ts";
import { inWordsOfClaims } from "../engine/claim-paths.ts";
import { inputsOf, readResult } from "../engine/kernel-pod.ts";
import { configLabel } from "./objects.ts";

type Underway = "RollingOut" | "Scaling" | "FailedCreate" | "SurgeUnschedulable";

/** How far the replicas are, from the Deployment and its pods. */
export type Rollout =
  | { state: "complete" }
  | { state: "rolling"; reason: Underway; message: string }
  | { state: "failed"; reason: Reason; message: string };

export function readRollout(
  deployment: Deployment | undefined,
  pods: readonly Pod[],
  { configHash, replicas: wanted }: { configHash: string; replicas: number },
): Rollout {
  if (deployment?.spec.template.metadata.labels[configLabel] !== configHash)
    return { state: "rolling", reason: "RollingOut", message: "the Deployment is being made" };
  const { status = {}, metadata } = deployment;
  const current =
    deployment.spec.replicas === wanted && (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  const { updatedReplicas = 0, replicas = 0, availableReplicas = 0 } = status;
  if (current && updatedReplicas === wanted && replicas === wanted && availableReplicas === wanted)
    return { state: "complete" };
  const crash = crashOf(wantedPods(pods, configHash));
  if (crash !== undefined) return { state: "failed", ...crash };
  const surge = unplacedSurge(deployment, pods);
  const progressing = findCondition(status.conditions, "Progressing");
  if (current && progressing?.status === "False" && progressing.reason === "ProgressDeadlineExceeded") {
    return {
      state: "failed",
      reason: "RolloutFailed",
      message: `replicas did not become ready in time: ${surge ?? progressing.message}`,
    };
  }
  const brought = wantedPods(pods, configHash);
  // Once a template is rolled out, the Deployment says so for as long as it has that template: only the number of
  // its pods changes then.
  const isScaling = progressing?.reason === "NewReplicaSetAvailable" && (current || replicas !== wanted);
  const ready = brought.filter(isReady).length;
  const progress =
    isScaling && replicas > wanted
      ? `${replicas - wanted} of ${replicas} replicas go`
      : `${ready} of ${wanted} replicas are ready with the wanted model`;
  const refused = findCondition(status.conditions, "ReplicaFailure");
  if (refused?.status === "True")
    return { state: "rolling", reason: "FailedCreate", message: `${progress}; ${refused.message}` };
  if (surge !== undefined)
    return { state: "rolling", reason: "SurgeUnschedulable", message: `${progress}; ${surge}` };
  const waiting = waitingOf(brought);
  const message = waiting === undefined ? progress : `${progress}; ${waiting}`;
  return { state: "rolling", reason: isScaling ? "Scaling" : "RollingOut", message };
}

/**
 * A rollout that takes no replica away before another is ready stands still where no node has room for one
 * pod more, as where every GPU is taken by the replicas themselves.
 */
function unplacedSurge({ spec }: Deployment, pods: readonly Pod[]): string | undefined {
  const { strategy, replicas } = spec;
  if (strategy.type === "Recreate" || podsOfBounds(strategy.rollingUpdate, replicas).maxUnavailable > 0)
    return undefined;
  const living = pods.filter(isLiving);
  const unplaced = living
    .map(({ metadata, status }) => ({
      name: metadata.name,
      scheduled: findCondition(status?.conditions, "PodScheduled"),
    }))
    .find(({ scheduled }) => scheduled?.status === "False" && scheduled.reason === "Unschedulable");
  if (unplaced === undefined || living.length <= replicas || !living.some(isServing)) return undefined;
  return `no node has room for pod ${unplaced.name} beside the replicas that serve (${unplaced.scheduled?.message}); make room for it, or let a replica go first: spec.strategy.rollingUpdate with maxSurge 0 and maxUnavailable 1, or spec.strategy.type Recreate`;
}

const isLiving = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined && status?.phase !== "Failed" && status?.phase !== "Succeeded";

/** Whether the pod answers requests, of whichever model. */
export const isServing = (pod: Pod): boolean => isLiving(pod) && isReady(pod);

export const wantedPods = (pods: readonly Pod[], configHash: string): Pod[] =>
  pods.filter(
    (pod) =>
      pod.metadata.labels?.[configLabel] === configHash && pod.metadata.deletionTimestamp === undefined,
  );

export const isReady = (pod: Pod): boolean => isTrue(pod.status?.conditions, "Ready");

/**
 * What a program that ended said of why; it is started over and over, so its own word is of more use than the
 * deadline's.
 */
function crashOf(pods: readonly Pod[]): { reason: Reason; message: string } | undefined {
  for (const { metadata, spec, status } of pods) {
    for (const { state, lastState, ready } of status?.containerStatuses ?? []) {
      const ended = state.terminated ?? lastState?.terminated;
      if (ready || ended === undefined) continue;
      const result = readResult(ended.message);
      if (result !== undefined && result.reason !== "Completed" && result.reason !== "Terminated") {
        const message = inWordsOfClaims(result.message, { inputs: inputsOf(spec) });
        return { reason: reasonOfKernel[result.reason], message };
      }
      if (ended.reason === "OOMKilled")
        return { reason: "OutOfMemory", message: `pod ${metadata.name} was killed at its memory limit` };
    }
  }
  return undefined;
}

function waitingOf(pods: readonly Pod[]): string | undefined {
  for (const { metadata, status } of pods) {
    const waiting = status?.containerStatuses?.find(({ state }) => state.waiting !== undefined)?.state
      .waiting;
    if (waiting !== undefined)
      return `pod ${metadata.name}: ${[waiting.reason, waiting.message].filter(Boolean).join(": ")}`;
    const scheduled = findCondition(status?.conditions, "PodScheduled");
    if (scheduled?.status === "False")
      return `pod ${metadata.name}: ${scheduled.reason}: ${scheduled.message}`;
  }
  return undefined;
}

/** Where the Service is reached, and what keeps it from being so. */
export function readEndpoint(service: Service, port: number): { url: string; error?: string } {
  const ingress = service.status?.loadBalancer?.ingress?.find(({ ip }) => ip !== undefined);
  const error = ingress?.ports?.find((each) => each.port === port)?.error;
  const host = ingress?.ip ?? `${service.metadata.name}.${service.metadata.namespace}.svc`;
  return { url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`, error };
}
