import { createHash } from "node:crypto";
import type { PodDefaults } from "../api/configuration.ts";
import type { InferenceDeployment } from "../api/kinds.ts";
import type {
  ConfigMap,
  Deployment,
  NetworkPolicy,
  PodDisruptionBudget,
  Service,
  Wanted,
} from "../cluster/objects.ts";
import { ServeConfig } from "../contract/index.ts";
import { podTemplate, threadsOf } from "../engine/kernel-pod.ts";
import { childLabels, controllerReference, dnsLabel, labels } from "../engine/names.ts";
import { networkPolicy } from "../engine/network-policy.ts";
import type { ServedModel } from "./model.ts";
import { type ServingScope, type ServingSpec, servingName } from "./scope.ts";

/** What serving is made of: a ConfigMap named by its content, a Deployment, a Service. */
export interface ServingObjects {
  configMap: Wanted<ConfigMap>;
  deployment: Wanted<Deployment>;
  service: Wanted<Service>;
  /** Where the spec asks for one, or several replicas do. */
  budget?: Wanted<PodDisruptionBudget>;
  /** Where the operator's configuration asks for one. */
  policy?: Wanted<NetworkPolicy>;
  /** Tells the pods of this configuration from those of another. */
  configHash: string;
}

/** Inside the pod; the Service has the port of the spec. */
export const servingPort = 8000;

/** Loading tens of gigabytes may take this long before a rollout counts as failed. */
const loadSeconds = 600;

/**
 * Time for the answers under way after SIGTERM: for the longest one of a slow server. A pod that answers
 * nobody goes at once.
 */
export function graceSecondsOf(
  { terminationGracePeriodSeconds }: ServingSpec,
  contextLength = Number.POSITIVE_INFINITY,
): number {
  const slowestTokensPerSecond = 20;
  const longestAnswer = Math.ceil(contextLength / slowestTokensPerSecond);
  return terminationGracePeriodSeconds ?? Math.min(3600, Math.max(60, longestAnswer));
}

/** Where there is no surge, the new pod gets its place when the old one has finished its answers. */
const progressDeadlineSeconds = (graceSeconds: number) => loadSeconds + graceSeconds;

const annotations = { artifactDigest: "tanren.dev/artifact-digest", rendering: "tanren.dev/rendering" };
export const configLabel = "tanren.dev/config";

const hashOf = (value: unknown) =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 10);

export function servingObjects(
  owner: InferenceDeployment,
  spec: ServingSpec,
  model: ServedModel,
  { podDefaults, networkPolicies }: Pick<ServingScope, "podDefaults" | "networkPolicies">,
): ServingObjects {
  const config = `${JSON.stringify(serveConfig(owner, spec, model), undefined, 2)}\n`;
  const configHash = hashOf(config);
  const name = servingName(owner);
  const metadata = {
    namespace: owner.metadata.namespace,
    labels: childLabels(owner),
    ownerReferences: [controllerReference(owner)],
  };
  const configMap: Wanted<ConfigMap> = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { ...metadata, name: `${dnsLabel(owner.metadata.name, 52)}-${configHash}` },
    data: { "config.json": config },
    immutable: true,
  };
  const service: Wanted<Service> = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { ...metadata, name },
    spec: {
      selector: selectorOf(owner),
      ports: [{ name: "http", port: spec.port, targetPort: servingPort }],
    },
  };
  const body = deploymentSpec(owner, spec, model, {
    podDefaults,
    configMap: configMap.metadata.name,
    configHash,
  });
  const deployment: Wanted<Deployment> = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { ...metadata, name, annotations: { [annotations.rendering]: hashOf(body) } },
    spec: body,
  };
  return {
    configMap,
    deployment,
    service,
    configHash,
    budget: hasBudget(spec)
      ? {
          apiVersion: "policy/v1",
          kind: "PodDisruptionBudget",
          metadata: { ...metadata, name },
          spec: {
            maxUnavailable: spec.podDisruptionBudget.maxUnavailable,
            selector: { matchLabels: selectorOf(owner) },
          },
        }
      : undefined,
    policy: networkPolicy(owner, networkPolicies, servingPort),
  };
}

const hasBudget = ({ podDisruptionBudget, replicas }: ServingSpec): boolean =>
  podDisruptionBudget.enabled ?? replicas > 1;

/** The strategy in the Deployment's own shape, which states a RollingUpdate in full. */
const strategyOf = ({ strategy }: ServingSpec): Deployment["spec"]["strategy"] =>
  strategy.type === "Recreate"
    ? { type: "Recreate" }
    : { type: "RollingUpdate", rollingUpdate: strategy.rollingUpdate ?? { maxSurge: 1, maxUnavailable: 0 } };

export const selectorOf = (owner: InferenceDeployment) => ({
  [labels.kind]: owner.kind,
  [labels.uid]: owner.metadata.uid,
});

function serveConfig(
  owner: InferenceDeployment,
  spec: ServingSpec,
  { contextLength, artifact }: ServedModel,
) {
  const { namespace, name, uid } = owner.metadata;
  return ServeConfig.parse({
    run: { kind: owner.kind, namespace, name, uid, stage: "serve", attempt: 1 },
    output: "output/serve",
    threads: threadsOf(spec.compute, 1),
    model: { path: "inputs/model", digest: artifact?.digest },
    model_name: name,
    port: servingPort,
    context_length: contextLength,
    max_concurrent_requests: spec.maxConcurrentRequests,
    max_queued_requests: spec.maxQueuedRequests ?? spec.maxConcurrentRequests,
    precision: spec.precision,
    api_keys: spec.auth && "keys",
    api_key_limits: spec.auth?.keys?.map(({ name, maxConcurrentRequests, priority }) => ({
      name,
      max_concurrent_requests: maxConcurrentRequests,
      priority,
    })),
  });
}

function deploymentSpec(
  owner: InferenceDeployment,
  spec: ServingSpec,
  { claimName, path, contextLength, artifact }: ServedModel,
  { podDefaults, configMap, configHash }: { podDefaults: PodDefaults; configMap: string; configHash: string },
): Deployment["spec"] {
  const graceSeconds = graceSecondsOf(spec, contextLength);
  return {
    replicas: spec.replicas,
    selector: { matchLabels: selectorOf(owner) },
    strategy: strategyOf(spec),
    progressDeadlineSeconds: progressDeadlineSeconds(graceSeconds),
    template: podTemplate({
      labels: { ...childLabels(owner), [configLabel]: configHash },
      annotations: { [annotations.artifactDigest]: artifact?.digest ?? `${claimName}/${path}` },
      program: "serve",
      compute: spec.compute,
      defaults: podDefaults,
      gpus: spec.compute.gpusPerNode,
      processes: 1,
      configMap,
      inputs: [{ name: "model", claimName, path }],
      secretName: spec.auth?.secretName,
      ports: [{ name: "http", containerPort: servingPort }],
      probes: {
        readiness: {
          httpGet: { path: "/readyz", port: servingPort },
          periodSeconds: 2,
          failureThreshold: 3,
        },
        liveness: {
          httpGet: { path: "/healthz", port: servingPort },
          periodSeconds: 10,
          failureThreshold: 6,
          initialDelaySeconds: 60,
        },
      },
      graceSeconds,
      // There whatever the number of replicas: scaling must not change the pods that run.
      topologySpreadConstraints: spec.topologySpreadConstraints,
      peers: {
        labelSelector: { matchLabels: selectorOf(owner) },
        // Pods of the rendering before do not count: they are about to go.
        matchLabelKeys: ["pod-template-hash"],
      },
      restartPolicy: "Always",
    }),
  };
}
