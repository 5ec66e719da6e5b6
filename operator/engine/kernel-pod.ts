import type { z } from "zod";
import type { PodDefaults } from "../api/configuration.ts";
import type { ServingCompute } from "../api/parts.ts";
import { accelerators } from "../api/presets.ts";
import type {
  Container,
  ContainerStatus,
  EnvVar,
  Pod,
  PodSpec,
  PodTemplate,
  Probe,
  TopologySpreadConstraint,
  Volume,
} from "../cluster/objects.ts";
import { plainText } from "../cluster/plain-text.ts";
import { quantityValue } from "../cluster/quantity.ts";
import { programPort, Result } from "../contract/index.ts";
import type { KernelResult, Mount } from "../kinds/batch-kind.ts";

/**
 * The pod every kernel program runs in (the restricted Pod Security Standard in full, no API token, read-only
 * root), and what it says at its end.
 */

export const containerName = "kernel";

/** The programs' working directory; every path in a configuration is relative to it. */
const workingDirectory = "/tanren";

/** A user without a name on any node. */
const kernelUser = 65_532;

export interface KernelPod {
  program: string;
  compute: z.output<typeof ServingCompute>;
  /** Of the operator's configuration: the spec's own image and pull secrets go first. */
  defaults: PodDefaults;
  gpus: number;
  processes: number;
  configMap: string;
  inputs: readonly Mount[];
  /** Where `output` lies: a directory of a claim, or nothing that lasts. */
  output?: { claimName: string; directory: string };
  /** Mounted read-only at keys. */
  secretName?: string;
  env?: EnvVar[];
  ports?: { name: string; containerPort: number }[];
  probes?: { readiness: Probe; liveness: Probe };
  graceSeconds: number;
  restartPolicy: "Never" | "Always";
  subdomain?: string;
  labels: Record<string, string>;
  annotations?: Record<string, string>;
  topologySpreadConstraints?: SpreadRule[];
  /** With which the scheduler places it. */
  podGroupName?: string;
  /** The pods among which this one is spread. */
  peers: Pick<TopologySpreadConstraint, "labelSelector" | "matchLabelKeys">;
}

type SpreadRule = Omit<TopologySpreadConstraint, "labelSelector" | "matchLabelKeys">;

/** CPU threads of one process: of the CPU limit, never of the machine. */
export function threadsOf(compute: KernelPod["compute"], processes: number): number {
  return Math.max(1, Math.floor(quantityValue(compute.resources.cpu) / processes));
}

/**
 * What the operator itself needs goes before what the platform wants on every pod, and that before what a spec
 * asks for.
 */
export function podTemplate(pod: KernelPod): PodTemplate {
  const { compute, defaults } = pod;
  const annotations = { ...compute.annotations, ...defaults.annotations, ...pod.annotations };
  return {
    metadata: {
      labels: { ...compute.labels, ...defaults.labels, ...pod.labels },
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    spec: podSpec(pod),
  };
}

/** Entries of the second list, and those of the first that it does not have. */
function overlaid<T>(under: readonly T[] = [], over: readonly T[] = [], keyOf: (one: T) => string): T[] {
  const taken = new Set(over.map(keyOf));
  return [...under.filter((one) => !taken.has(keyOf(one))), ...over];
}

const byName = ({ name }: { name: string }) => name;

function spread({ defaults, topologySpreadConstraints: own, peers }: KernelPod) {
  const placeOf = ({ topologyKey, whenUnsatisfiable }: SpreadRule) => `${topologyKey} ${whenUnsatisfiable}`;
  const all = overlaid<SpreadRule>(own, defaults.topologySpreadConstraints, placeOf);
  return own === undefined && all.length === 0 ? undefined : all.map((rule) => ({ ...rule, ...peers }));
}

/** Devices go to pods with GPUs: others, of the same run, would hold them for nothing. */
const resourceClaims = ({ gpus, compute, defaults }: KernelPod) =>
  gpus > 0 ? overlaid(compute.resourceClaims, defaults.resourceClaims, byName) : [];

function podSpec(pod: KernelPod): PodSpec {
  const { compute, defaults } = pod;
  const imagePullSecrets = compute.imagePullSecrets ?? defaults.imagePullSecrets;
  const claimed = resourceClaims(pod);
  const product = compute.accelerator && pod.gpus > 0 ? accelerators[compute.accelerator].product : undefined;
  const nodeSelector = {
    ...compute.nodeSelector,
    ...(product !== undefined && { "nvidia.com/gpu.product": product }),
  };
  return {
    restartPolicy: pod.restartPolicy,
    terminationGracePeriodSeconds: pod.graceSeconds,
    automountServiceAccountToken: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: kernelUser,
      runAsGroup: kernelUser,
      fsGroup: kernelUser,
      // Claims of terabytes are not walked at each start when their root is as it should be.
      fsGroupChangePolicy: "OnRootMismatch",
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [container(pod)],
    volumes: volumes(pod),
    subdomain: pod.subdomain,
    serviceAccountName: compute.serviceAccountName,
    ...(Object.keys(nodeSelector).length > 0 && { nodeSelector }),
    tolerations: compute.tolerations,
    affinity: compute.affinity,
    topologySpreadConstraints: spread(pod),
    priorityClassName: compute.priorityClassName,
    ...(imagePullSecrets.length > 0 && { imagePullSecrets }),
    runtimeClassName: defaults.runtimeClassName ?? compute.runtimeClassName,
    schedulerName: defaults.schedulerName ?? compute.schedulerName,
    ...(claimed.length > 0 && { resourceClaims: claimed }),
    ...(pod.podGroupName !== undefined && { schedulingGroup: { podGroupName: pod.podGroupName } }),
  };
}

function container(pod: KernelPod): Container {
  const { compute, defaults } = pod;
  const { cpu, memory, ephemeralStorage = defaults.ephemeralStorage } = compute.resources;
  const { acceleratorResourceName: gpu } = defaults;
  const amounts = {
    cpu,
    memory,
    ...(pod.gpus > 0 && gpu !== "" && { [gpu]: String(pod.gpus) }),
    ...(ephemeralStorage !== undefined && { "ephemeral-storage": ephemeralStorage }),
  };
  const claims = resourceClaims(pod).map(({ name }) => ({ name }));
  const own: EnvVar[] = [
    { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
    { name: "TANREN_MEMORY_BYTES", value: String(Math.floor(quantityValue(memory))) },
    { name: "OMP_NUM_THREADS", value: String(threadsOf(compute, pod.processes)) },
    { name: "TANREN_GRACE_SECONDS", value: String(pod.graceSeconds) },
    { name: "HOME", value: "/tmp" },
    ...(pod.env ?? []),
  ];
  return {
    name: containerName,
    image: compute.image ?? defaults.image,
    command: ["python", "-m", `tanren_kernels.${pod.program}`, "--config", "config/config.json"],
    workingDir: workingDirectory,
    env: overlaid(overlaid<EnvVar>(compute.env, defaults.env, byName), own, byName).map(withoutEmptyValue),
    ports: pod.ports ?? [{ name: "progress", containerPort: programPort }],
    resources: { requests: amounts, limits: amounts, ...(claims.length > 0 && { claims }) },
    volumeMounts: [
      { name: "config", mountPath: `${workingDirectory}/config`, readOnly: true },
      pod.output === undefined
        ? { name: "output", mountPath: `${workingDirectory}/output` }
        : {
            name: volumeOf(pod, pod.output.claimName),
            mountPath: `${workingDirectory}/output`,
            subPath: pod.output.directory,
          },
      { name: "tmp", mountPath: "/tmp" },
      ...(hasSharedMemory(pod) ? [{ name: "shm", mountPath: sharedMemory }] : []),
      ...pod.inputs.map((input) => ({
        name: volumeOf(pod, input.claimName),
        mountPath: `${workingDirectory}/inputs/${input.name}`,
        ...(input.path !== "." && { subPath: input.path }),
        readOnly: true,
      })),
      ...(pod.secretName === undefined
        ? []
        : [{ name: "keys", mountPath: `${workingDirectory}/keys`, readOnly: true }]),
      ...defaults.extraVolumeMounts,
    ],
    readinessProbe: pod.probes?.readiness,
    livenessProbe: pod.probes?.liveness,
    securityContext: {
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
    terminationMessagePolicy: "File",
  };
}

/** The API server keeps no empty value, and would take every repeat of one for a change. */
const withoutEmptyValue = ({ name, value, ...others }: EnvVar): EnvVar =>
  value === "" ? { name, ...others } : { name, ...(value !== undefined && { value }), ...others };

const sharedMemory = "/dev/shm";

/**
 * GPUs of a pod talk to each other through shared memory, of which container runtimes give 64 MB: NCCL fails
 * there. As much as the pod's memory limit, towards which it counts. A platform's own volume goes first.
 */
const hasSharedMemory = ({ gpus, defaults }: KernelPod): boolean =>
  gpus > 0 && !defaults.extraVolumeMounts.some(({ mountPath }) => mountPath === sharedMemory);

function claimNames(pod: KernelPod): string[] {
  const output = pod.output === undefined ? [] : [pod.output.claimName];
  return [...new Set([...output, ...pod.inputs.map((input) => input.claimName)])];
}

/** One volume per claim, however many of its directories are mounted. */
const volumeOf = (pod: KernelPod, claimName: string) => `claim-${claimNames(pod).indexOf(claimName)}`;

function volumes(pod: KernelPod): Volume[] {
  return [
    { name: "config", configMap: { name: pod.configMap } },
    { name: "tmp", emptyDir: {} },
    ...(hasSharedMemory(pod) ? [{ name: "shm", emptyDir: { medium: "Memory" as const } }] : []),
    ...(pod.output === undefined ? [{ name: "output", emptyDir: {} }] : []),
    ...claimNames(pod).map((claimName) => ({
      name: volumeOf(pod, claimName),
      persistentVolumeClaim: { claimName },
    })),
    ...(pod.secretName === undefined ? [] : [{ name: "keys", secret: { secretName: pod.secretName } }]),
    ...pod.defaults.extraVolumes,
  ];
}

export const kernelStatus = (pod: Pod): ContainerStatus | undefined =>
  pod.status?.containerStatuses?.find((status) => status.name === containerName);

/** More than any node keeps of a termination message, and than the results of a Job's pods come to. */
const longestResult = 262_144;

/** Inputs that a kernel pod has mounted, by what the pod itself says. */
export function inputsOf({ containers, volumes }: PodSpec): Mount[] {
  const claimOf = new Map(
    volumes.map(({ name, persistentVolumeClaim }) => [name, persistentVolumeClaim?.claimName]),
  );
  const prefix = `${workingDirectory}/inputs/`;
  // A mesh or a policy may have added others beside it.
  const mounts = containers.find(({ name }) => name === containerName)?.volumeMounts ?? [];
  return mounts.flatMap(({ name, mountPath, subPath = "." }) => {
    const claimName = claimOf.get(name);
    if (claimName === undefined || !mountPath.startsWith(prefix)) return [];
    return [{ name: mountPath.slice(prefix.length), claimName, path: subPath }];
  });
}

/**
 * The result in a termination message, read as what a stranger says; undefined when there is none or it is
 * not of the contract.
 */
export function readResult(message: string | undefined): KernelResult | undefined {
  if (message === undefined || message.length > longestResult) return undefined;
  let said: unknown;
  try {
    said = JSON.parse(message);
  } catch {
    return undefined;
  }
  const parsed = Result.safeParse(said);
  if (!parsed.success) return undefined;
  return { ...parsed.data, message: plainText(parsed.data.message, parsed.data.message.length) };
}
