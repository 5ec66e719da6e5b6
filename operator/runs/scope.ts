import type { NetworkPolicies, PodDefaults } from "../api/configuration.ts";
import type { KindDefinition } from "../api/kinds.ts";
import type { Clock } from "../clock/clock.ts";
import type {
  ConfigMap,
  Job,
  KubernetesObject,
  PersistentVolumeClaim,
  Pod,
  Service,
  Wanted,
} from "../cluster/objects.ts";
import type { Cluster } from "../cluster/port.ts";
import { claims, configMaps, jobs, pods, type Resource, services } from "../cluster/resource.ts";
import { newestComplaint } from "../engine/complaints.ts";
import { policyKinds } from "../engine/kernel-pod.ts";
import { childLabels, claimNameOf, controllerReference, ownedBy } from "../engine/names.ts";
import {
  findCycle,
  type KindsByName,
  type ParsedSpec,
  type ParsedSpecs,
  type ReferencedRun,
  readReferences,
} from "../engine/references.ts";
import type { BatchKind, KernelProgress, Run, RunSpec } from "../kinds/batch-kind.ts";
import { type AskProgress, leaderPod } from "./progress.ts";
import { stuckAt } from "./waiting.ts";

/** The kinds of what is made for a run; pods are made by its Jobs. */
export const childKindsOfRuns = (policies: NetworkPolicies): Resource<KubernetesObject>[] => [
  jobs,
  pods,
  configMaps,
  services,
  claims,
  ...policyKinds(policies),
];

/** Everything a reconcile of a run looks at, read once. What is decided is a function of this. */
export interface RunScope {
  kind: BatchKind;
  run: Run;
  /** The kind's own spec, with defaults. */
  spec: RunSpec;
  storage: RunStorage;
  /**
   * The claim the run writes to, its own or another's; absent when there is none, or it is not needed yet.
   */
  claim?: PersistentVolumeClaim;
  references: ReferencedRun[];
  /** The way back to the run itself along references, when there is one. */
  cycle?: string[];
  /** Children of this very run, told by its uid. */
  jobs: Job[];
  pods: Pod[];
  configMaps: ConfigMap[];
  services: Service[];
  /** What the running program says; absent when none runs or answers. */
  progress?: KernelProgress;
  /** The cluster's newest complaint at the Job or pod that does not get on. */
  complaint?: string;
  now: Date;
  podDefaults: PodDefaults;
  networkPolicies: NetworkPolicies;
  /** Seconds between two looks at a running program. */
  progressSeconds: number;
}

export interface ScopeReader {
  cluster: Cluster;
  clock: Clock;
  kinds: KindsByName;
  specs: ParsedSpecs;
  askProgress: AskProgress;
  podDefaults: PodDefaults;
  networkPolicies: NetworkPolicies;
  progressSeconds: number;
}

export async function readScope(
  reader: ScopeReader,
  kind: BatchKind,
  run: Run,
  { spec, references: named }: Exclude<ParsedSpec, { problem: string }>,
): Promise<RunScope> {
  const { cluster, kinds, podDefaults, progressSeconds } = reader;
  const { namespace, name } = run.metadata;
  const storage = storageOf(kind.definition, run, spec);
  const filter = { namespace, labels: ownedBy(run) };
  const [ownJobs, ownPods, ownConfigMaps, ownServices, ownClaims, references] = await Promise.all([
    cluster.list(jobs, filter),
    cluster.list(pods, filter),
    cluster.list(configMaps, filter),
    cluster.list(services, filter),
    cluster.list(claims, filter),
    readReferences(cluster, kinds, namespace, named),
  ]);
  const unresolved = references.some((reference) => reference.run?.status?.artifact === undefined);
  const isClaim = ({ metadata }: PersistentVolumeClaim) => metadata.name === storage.claimName;
  // A claim of others is in no cache: it is asked for only where it matters.
  const asks = !unresolved && run.status?.completionTime === undefined;
  const address = leaderPod(ownJobs, ownPods)?.status?.podIP;
  const stuck = stuckAt(ownJobs, ownPods, ownClaims.find(isClaim));
  return {
    kind,
    run,
    spec,
    storage,
    claim:
      ownClaims.find(isClaim) ?? (asks ? await cluster.get(claims, namespace, storage.claimName) : undefined),
    references,
    cycle: unresolved ? await findCycle(reader, { kind: run.kind, namespace, name }, named) : undefined,
    jobs: ownJobs,
    pods: ownPods,
    configMaps: ownConfigMaps,
    services: ownServices,
    progress: address === undefined ? undefined : await reader.askProgress(address),
    complaint: stuck && (await complaintAt(cluster, stuck)),
    now: reader.clock.now(),
    podDefaults,
    networkPolicies: reader.networkPolicies,
    progressSeconds,
  };
}

/** A claim is named, for what is said of the pod that waits for it does not. */
async function complaintAt(cluster: Cluster, object: KubernetesObject): Promise<string | undefined> {
  const complaint = await newestComplaint(cluster, object);
  const { kind, metadata } = object;
  return complaint !== undefined && kind === claims.kind
    ? `${kind} ${metadata.name}: ${complaint}`
    : complaint;
}

/** Where a run writes. */
export interface RunStorage {
  claimName: string;
  /** Directory of the run below the claim's root; the uid keeps a namesake born later out of it. */
  directory: string;
  /** The claim to make; absent when the spec names one that exists. */
  wanted?: Wanted<PersistentVolumeClaim>;
}

export function storageOf(definition: KindDefinition, run: Run, { storage }: RunSpec): RunStorage {
  const { name, namespace, uid } = run.metadata;
  const directory = `${definition.resource.plural}/${name}-${uid.slice(0, 8)}`;
  if (storage.claimName !== undefined) return { claimName: storage.claimName, directory };
  if (storage.size === undefined)
    throw new TypeError("spec.storage has neither claimName nor size, though its CEL rule asks for one");
  const claimName = claimNameOf(run, storage);
  return {
    claimName,
    directory,
    wanted: {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: {
        name: claimName,
        namespace,
        labels: childLabels(run),
        ownerReferences: [controllerReference(run)],
      },
      spec: {
        accessModes: [storage.accessMode ?? "ReadWriteMany"],
        storageClassName: storage.storageClassName,
        resources: { requests: { storage: storage.size } },
      },
    },
  };
}
