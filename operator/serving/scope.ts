import type { z } from "zod";
import type { Allowed } from "../api/allowed.ts";
import type { NetworkPolicies, PodDefaults } from "../api/configuration.ts";
import type { InferenceDeploymentSpec } from "../api/inference-deployment.ts";
import { type Evaluation, evaluation, type InferenceDeployment, inferenceDeployment } from "../api/kinds.ts";
import type { InferenceDeploymentStatus } from "../api/status.ts";
import type {
  ConfigMap,
  Deployment,
  KubernetesObject,
  Pod,
  PodDisruptionBudget,
  Service,
} from "../cluster/objects.ts";
import type { Cluster } from "../cluster/port.ts";
import {
  configMaps,
  deployments,
  podDisruptionBudgets,
  pods,
  type Resource,
  services,
} from "../cluster/resource.ts";
import { absentNeeds } from "../engine/absent-needs.ts";
import { dnsLabel, ownedBy } from "../engine/names.ts";
import { policyKinds } from "../engine/network-policy.ts";
import { type Consumer, type KindsByName, type ReferencedRun, readReferences } from "../engine/references.ts";
import { servingNeeds, servingReferences } from "../kinds/inference-deployment/kind.ts";
import type { Need } from "../kinds/needs.ts";

/** Everything a reconcile of an InferenceDeployment looks at, read once. */

export type ServingSpec = z.output<typeof InferenceDeploymentSpec>;
export type ServingStatus = z.output<typeof InferenceDeploymentStatus>;

/** The kinds of what is made for an InferenceDeployment; pods are made by its Deployment. */
export const childKindsOfServing = (policies: NetworkPolicies): Resource<KubernetesObject>[] => [
  deployments,
  pods,
  configMaps,
  services,
  podDisruptionBudgets,
  ...policyKinds(policies),
];

/** Name of Deployment, Service and PodDisruptionBudget. */
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
  /** What the spec names and is not there. */
  absent: Need[];
  deployment?: Deployment;
  service?: Service;
  budgets: PodDisruptionBudget[];
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
  const filter = { namespace, labels: ownedBy(owner) };
  const [models, required, absent, ownDeployments, ownServices, budgets, ownPods, ownConfigMaps] =
    await Promise.all([
      readReferences(cluster, kinds, namespace, servingReferences(spec)),
      Promise.all(spec.requires.map(({ name }) => readRequired(cluster, namespace, name))),
      absentNeeds(cluster, namespace, servingNeeds(spec)),
      cluster.list(deployments, filter),
      cluster.list(services, filter),
      cluster.list(podDisruptionBudgets, filter),
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
    absent,
    deployment: ownDeployments.find(isServing),
    service: ownServices.find(isServing),
    budgets,
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
    const served = spec.data as ServingSpec;
    const gates = served.requires.map(({ name }) => ({ kind: evaluation.resource.kind, name }));
    return [...servingReferences(served).map(({ kind, name }) => ({ kind, name })), ...gates];
  },
};
