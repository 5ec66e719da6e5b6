import type { z } from "zod";
import type { Allowed } from "../api/allowed.ts";
import type { NetworkPolicies, PodDefaults } from "../api/configuration.ts";
import type { InferenceDeploymentSpec } from "../api/inference-deployment.ts";
import { type Evaluation, evaluation, type InferenceDeployment, inferenceDeployment } from "../api/kinds.ts";
import type { InferenceDeploymentStatus } from "../api/status.ts";
import type { ConfigMap, Deployment, KubernetesObject, Pod, Service } from "../cluster/objects.ts";
import type { Cluster } from "../cluster/port.ts";
import { configMaps, deployments, pods, type Resource, services } from "../cluster/resource.ts";
import { policyKinds } from "../engine/kernel-pod.ts";
import { dnsLabel, ownedBy } from "../engine/names.ts";
import { type Consumer, type KindsByName, type ReferencedRun, readReferences } from "../engine/references.ts";
import { modelReference } from "../kinds/stage-inputs.ts";

/** Everything a reconcile of an InferenceDeployment looks at, read once. */

export type ServingSpec = z.output<typeof InferenceDeploymentSpec>;
export type ServingStatus = z.output<typeof InferenceDeploymentStatus>;

/** The kinds of what is made for an InferenceDeployment; pods are made by its Deployment. */
export const childKindsOfServing = (policies: NetworkPolicies): Resource<KubernetesObject>[] => [
  deployments,
  pods,
  configMaps,
  services,
  ...policyKinds(policies),
];

/** Name of Deployment and Service. */
export const servingName = (owner: InferenceDeployment) => dnsLabel(owner.metadata.name);

/** A required Evaluation, where it exists. */
export interface RequiredEvaluation {
  name: string;
  evaluation?: Evaluation;
}

export interface ServingScope {
  owner: InferenceDeployment;
  spec: ServingSpec;
  /** Absent for an imported directory. */
  model?: ReferencedRun;
  required: RequiredEvaluation[];
  deployment?: Deployment;
  service?: Service;
  pods: Pod[];
  configMaps: ConfigMap[];
  now: Date;
  podDefaults: PodDefaults;
  networkPolicies: NetworkPolicies;
}

export interface ServingReader {
  cluster: Cluster;
  kinds: KindsByName;
  allowed: Allowed;
  podDefaults: PodDefaults;
  networkPolicies: NetworkPolicies;
}

export async function readServingScope(
  reader: ServingReader,
  owner: InferenceDeployment,
  spec: ServingSpec,
  now: Date,
): Promise<ServingScope> {
  const { cluster, kinds, podDefaults, networkPolicies } = reader;
  const { namespace } = owner.metadata;
  const reference = modelReference(spec.model);
  const filter = { namespace, labels: ownedBy(owner) };
  const [models, required, ownDeployments, ownServices, ownPods, ownConfigMaps] = await Promise.all([
    readReferences(cluster, kinds, namespace, reference === undefined ? [] : [reference]),
    Promise.all(spec.requires.map(({ name }) => readRequired(cluster, namespace, name))),
    cluster.list(deployments, filter),
    cluster.list(services, filter),
    cluster.list(pods, filter),
    cluster.list(configMaps, filter),
  ]);
  const [model] = models;
  const isServing = ({ metadata }: KubernetesObject) => metadata.name === servingName(owner);
  return {
    owner,
    spec,
    model,
    required,
    deployment: ownDeployments.find(isServing),
    service: ownServices.find(isServing),
    pods: ownPods,
    configMaps: ownConfigMaps,
    now,
    podDefaults,
    networkPolicies,
  };
}

async function readRequired(cluster: Cluster, namespace: string, name: string): Promise<RequiredEvaluation> {
  return { name, evaluation: await cluster.get(evaluation.resource, namespace, name) };
}

/** What an InferenceDeployment reads as long as it lives. */
export const servingConsumer: Consumer = {
  resource: inferenceDeployment.resource,
  needs(object) {
    const spec = inferenceDeployment.spec.safeParse(object.spec);
    if (!spec.success) return [];
    const { model, requires } = spec.data as ServingSpec;
    const reference = modelReference(model);
    const gates = requires.map(({ name }) => ({ kind: evaluation.resource.kind, name }));
    return reference === undefined ? gates : [{ kind: reference.kind, name: reference.name }, ...gates];
  },
};
