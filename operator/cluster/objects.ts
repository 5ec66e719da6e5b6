/**
 * The Kubernetes objects that reconcilers read and write: only the fields they rely on, in the API's own
 * shape.
 */

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name: string;
  namespace: string;
  uid: string;
  resourceVersion: string;
  /** Raised by every change of spec; absent on kinds that have none (ConfigMap, Secret, Event). */
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** An object as a writer states it: the server fills in the rest of metadata. */
export type Wanted<T extends KubernetesObject> = Omit<T, "metadata" | "status"> & {
  metadata: Pick<ObjectMeta, "name" | "namespace"> &
    Partial<Pick<ObjectMeta, "labels" | "annotations" | "ownerReferences">>;
};

/** metav1.Condition. */
export interface Condition {
  type: string;
  status: "True" | "False" | "Unknown";
  reason: string;
  message: string;
  lastTransitionTime: string;
  observedGeneration?: number;
}

export interface Probe {
  httpGet: { path: string; port: number };
  periodSeconds?: number;
  failureThreshold?: number;
  initialDelaySeconds?: number;
}

export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: { fieldRef: { fieldPath: "status.podIP" | "metadata.name" | "metadata.uid" } };
}

export interface Container {
  name: string;
  image: string;
  command: string[];
  workingDir: string;
  env: EnvVar[];
  ports?: { name: string; containerPort: number }[];
  resources: {
    requests: Record<string, string>;
    limits: Record<string, string>;
    claims?: { name: string }[];
  };
  volumeMounts: { name: string; mountPath: string; subPath?: string; readOnly?: boolean }[];
  readinessProbe?: Probe;
  livenessProbe?: Probe;
  securityContext: Record<string, unknown>;
  terminationMessagePolicy?: "File" | "FallbackToLogsOnError";
}

export interface Volume {
  name: string;
  configMap?: { name: string };
  secret?: { secretName: string };
  persistentVolumeClaim?: { claimName: string; readOnly?: boolean };
  emptyDir?: { sizeLimit?: string; medium?: "Memory" };
  /** A volume of the operator's configuration may be of any type. */
  [type: string]: unknown;
}

export interface TopologySpreadConstraint {
  maxSkew: number;
  topologyKey: string;
  whenUnsatisfiable: "ScheduleAnyway" | "DoNotSchedule";
  labelSelector: { matchLabels: Record<string, string> };
  /** Labels whose values of the pod itself are asked for besides. */
  matchLabelKeys?: string[];
}

export interface PodSpec {
  restartPolicy: "Never" | "Always" | "OnFailure";
  containers: Container[];
  volumes: Volume[];
  terminationGracePeriodSeconds: number;
  automountServiceAccountToken: false;
  securityContext: Record<string, unknown>;
  hostname?: string;
  subdomain?: string;
  serviceAccountName?: string;
  nodeSelector?: Record<string, string>;
  tolerations?: unknown[];
  affinity?: unknown;
  topologySpreadConstraints?: TopologySpreadConstraint[];
  priorityClassName?: string;
  imagePullSecrets?: { name: string }[];
  /** The PodGroup that the scheduler places the pod with. */
  schedulingGroup?: { podGroupName: string };
  runtimeClassName?: string;
  schedulerName?: string;
  resourceClaims?: { name: string; resourceClaimTemplateName: string }[];
}

export interface PodTemplate {
  metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
  spec: PodSpec;
}

export interface TerminatedState {
  exitCode: number;
  /** Completed, Error, OOMKilled, or the kubelet's word for why it could not run. */
  reason: string;
  /** Content of the termination message file: a kernel's result. */
  message?: string;
  startedAt?: string;
  finishedAt: string;
}

export interface ContainerStatus {
  name: string;
  ready: boolean;
  restartCount: number;
  state: {
    waiting?: { reason: string; message?: string };
    running?: { startedAt: string };
    terminated?: TerminatedState;
  };
  lastState?: { terminated?: TerminatedState };
}

export interface Pod extends KubernetesObject {
  apiVersion: "v1";
  kind: "Pod";
  spec: PodSpec & { nodeName?: string; hostNetwork?: boolean };
  status?: {
    phase: "Pending" | "Running" | "Succeeded" | "Failed" | "Unknown";
    /** Evicted, and the like: why the kubelet or the control plane ended the pod. */
    reason?: string;
    message?: string;
    podIP?: string;
    conditions?: Condition[];
    containerStatuses?: ContainerStatus[];
    startTime?: string;
  };
}

export interface PodFailurePolicyRule {
  action: "FailJob" | "Ignore" | "Count";
  onExitCodes?: { containerName?: string; operator: "In" | "NotIn"; values: number[] };
  onPodConditions?: { type: string; status: string }[];
}

export interface Job extends KubernetesObject {
  apiVersion: "batch/v1";
  kind: "Job";
  spec: {
    completionMode: "Indexed";
    completions: number;
    parallelism: number;
    backoffLimit?: number;
    backoffLimitPerIndex?: number;
    maxFailedIndexes?: number;
    suspend?: boolean;
    /** The controller that makes the pods, set by whoever hands the Job to another one. */
    managedBy?: string;
    activeDeadlineSeconds?: number;
    podReplacementPolicy?: "Failed" | "TerminatingOrFailed";
    podFailurePolicy?: { rules: PodFailurePolicyRule[] };
    template: PodTemplate;
  };
  status?: {
    startTime?: string;
    completionTime?: string;
    active?: number;
    ready?: number;
    terminating?: number;
    succeeded?: number;
    failed?: number;
    completedIndexes?: string;
    failedIndexes?: string;
    /** Complete, Failed, Suspended, FailureTarget, SuccessCriteriaMet. */
    conditions?: Condition[];
  };
}

/** A number of pods, or a share of all of them such as 25%. */
export type IntOrPercent = number | string;

export interface Deployment extends KubernetesObject {
  apiVersion: "apps/v1";
  kind: "Deployment";
  spec: {
    replicas: number;
    selector: { matchLabels: Record<string, string> };
    strategy:
      | { type: "RollingUpdate"; rollingUpdate: { maxUnavailable: IntOrPercent; maxSurge: IntOrPercent } }
      | { type: "Recreate" };
    minReadySeconds?: number;
    progressDeadlineSeconds?: number;
    template: PodTemplate;
  };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    readyReplicas?: number;
    availableReplicas?: number;
    unavailableReplicas?: number;
    /** Available, Progressing, ReplicaFailure. */
    conditions?: Condition[];
  };
}

export interface Service extends KubernetesObject {
  apiVersion: "v1";
  kind: "Service";
  spec: {
    clusterIP?: "None" | string;
    publishNotReadyAddresses?: boolean;
    selector: Record<string, string>;
    ports: { name: string; port: number; targetPort: number }[];
  };
  status?: {
    loadBalancer?: {
      ingress?: {
        ip?: string;
        hostname?: string;
        ports?: { port: number; protocol: "TCP"; error?: string }[];
      }[];
    };
  };
}

export interface PodDisruptionBudget extends KubernetesObject {
  apiVersion: "policy/v1";
  kind: "PodDisruptionBudget";
  spec: { maxUnavailable: IntOrPercent; selector: { matchLabels: Record<string, string> } };
}

/** One of the ways to name peers; several fields of one peer must all hold. */
export interface NetworkPolicyPeer {
  podSelector?: { matchLabels?: Record<string, string>; matchExpressions?: unknown[] };
  namespaceSelector?: { matchLabels?: Record<string, string>; matchExpressions?: unknown[] };
  ipBlock?: { cidr: string; except?: string[] };
}

export interface NetworkPolicyPort {
  port: number | string;
  endPort?: number;
  protocol: "TCP" | "UDP" | "SCTP";
}

export interface NetworkPolicy extends KubernetesObject {
  apiVersion: "networking.k8s.io/v1";
  kind: "NetworkPolicy";
  spec: {
    podSelector: { matchLabels: Record<string, string> };
    policyTypes: ("Ingress" | "Egress")[];
    ingress: { from?: NetworkPolicyPeer[]; ports?: NetworkPolicyPort[] }[];
    egress?: { to?: NetworkPolicyPeer[]; ports?: NetworkPolicyPort[] }[];
  };
}

/** Pods that the scheduler places all at once, or none of them. */
export interface PodGroup extends KubernetesObject {
  apiVersion: `scheduling.k8s.io/${string}`;
  kind: "PodGroup";
  spec: { schedulingPolicy: { gang: { minCount: number } }; priorityClassName?: string };
}

export interface ConfigMap extends KubernetesObject {
  apiVersion: "v1";
  kind: "ConfigMap";
  data: Record<string, string>;
  immutable?: boolean;
}

export interface Secret extends KubernetesObject {
  apiVersion: "v1";
  kind: "Secret";
  /** base64, as the API has it. */
  data: Record<string, string>;
  type?: string;
}

export interface PersistentVolumeClaim extends KubernetesObject {
  apiVersion: "v1";
  kind: "PersistentVolumeClaim";
  spec: {
    accessModes: string[];
    storageClassName?: string;
    resources: { requests: { storage: string } };
  };
  status?: { phase?: "Pending" | "Bound" | "Lost"; capacity?: { storage?: string } };
}

export interface Event extends KubernetesObject {
  apiVersion: "events.k8s.io/v1";
  kind: "Event";
  type: "Normal" | "Warning";
  reason: string;
  action: string;
  note: string;
  regarding: { apiVersion: string; kind: string; namespace: string; name: string; uid: string };
  reportingController: string;
  reportingInstance: string;
  /** Null in what older clients send, which say `deprecatedLastTimestamp`. */
  eventTime: string | null;
  series?: { count: number; lastObservedTime: string };
  deprecatedLastTimestamp?: string | null;
}

/** When the Event was last seen: one that repeats keeps its first time and says its last one elsewhere. */
export const lastSeen = ({ series, deprecatedLastTimestamp, eventTime, metadata }: Event): string =>
  series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? metadata.creationTimestamp;
