import type {
  ConfigMap,
  Deployment,
  Event,
  Job,
  KubernetesObject,
  NetworkPolicy,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  PodGroup,
  Secret,
  Service,
} from "./objects.ts";

/** What a kind is to the cluster port. `T` is the type its objects have. */
export interface Resource<T extends KubernetesObject> {
  readonly apiVersion: string;
  readonly kind: T["kind"];
  readonly plural: string;
  /** Whether status is a subresource: then a write of the object never touches status, and the reverse. */
  readonly status: boolean;
  /** Its objects are in no namespace; one that is given is passed over. */
  readonly clusterScoped?: true;
  /** Type only: carries T. */
  readonly object?: T;
}

function resource<T extends KubernetesObject>(
  apiVersion: T["apiVersion"],
  kind: T["kind"],
  plural: string,
  status: boolean,
): Resource<T> {
  return { apiVersion, kind, plural, status };
}

export const pods = resource<Pod>("v1", "Pod", "pods", true);
export const services = resource<Service>("v1", "Service", "services", true);
export const configMaps = resource<ConfigMap>("v1", "ConfigMap", "configmaps", false);
export const secrets = resource<Secret>("v1", "Secret", "secrets", false);
export const claims = resource<PersistentVolumeClaim>(
  "v1",
  "PersistentVolumeClaim",
  "persistentvolumeclaims",
  true,
);
export const jobs = resource<Job>("batch/v1", "Job", "jobs", true);
export const deployments = resource<Deployment>("apps/v1", "Deployment", "deployments", true);
export const podDisruptionBudgets = resource<PodDisruptionBudget>(
  "policy/v1",
  "PodDisruptionBudget",
  "poddisruptionbudgets",
  true,
);
export const networkPolicies = resource<NetworkPolicy>(
  "networking.k8s.io/v1",
  "NetworkPolicy",
  "networkpolicies",
  false,
);
export const events = resource<Event>("events.k8s.io/v1", "Event", "events", false);

/** What specs name beside, and namespaces; the local adapter has none of them. */
export const namespaces: Resource<KubernetesObject> = {
  ...resource("v1", "Namespace", "namespaces", true),
  clusterScoped: true,
};
export const serviceAccounts = resource<KubernetesObject>("v1", "ServiceAccount", "serviceaccounts", false);
export const priorityClasses: Resource<KubernetesObject> = {
  ...resource("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", false),
  clusterScoped: true,
};
export const storageClasses: Resource<KubernetesObject> = {
  ...resource("storage.k8s.io/v1", "StorageClass", "storageclasses", false),
  clusterScoped: true,
};
/** Of API servers that schedule gangs, newest version first. */
export const podGroups: readonly Resource<PodGroup>[] = ["v1", "v1beta1", "v1alpha3", "v1alpha2"].map(
  (version) => resource(`scheduling.k8s.io/${version}`, "PodGroup", "podgroups", true),
);
/** Of Kueue, newest version first. */
export const localQueues: readonly Resource<KubernetesObject>[] = ["v1beta2", "v1beta1"].map((version) =>
  resource(`kueue.x-k8s.io/${version}`, "LocalQueue", "localqueues", true),
);

/**
 * Those that a cluster must have; policies are made only where the operator's configuration asks for them.
 */
export const builtinResources = [
  pods,
  services,
  configMaps,
  secrets,
  claims,
  jobs,
  deployments,
  podDisruptionBudgets,
  events,
] as const;
