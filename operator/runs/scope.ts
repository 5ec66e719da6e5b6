import type { Allowed } from "../api/allowed.ts";
import type { NetworkPolicies, PodDefaults } from "../api/configuration.ts";
import type { KindDefinition } from "../api/kinds.ts";
import type { Clock } from "../clock/clock.ts";
import { isFinished } from "../cluster/conditions.ts";
import type { ObjectName } from "../cluster/object-key.ts";
import type {
  ConfigMap,
  Job,
  KubernetesObject,
  PersistentVolumeClaim,
  Pod,
  PodGroup,
  Service,
  Wanted,
} from "../cluster/objects.ts";
import type { Cluster } from "../cluster/port.ts";
import { claims, configMaps, jobs, pods, type Resource, services } from "../cluster/resource.ts";
import { absentNeeds } from "../engine/absent-needs.ts";
import { newestComplaint } from "../engine/complaints.ts";
import { childLabels, claimNameOf, controllerReference, ownedBy } from "../engine/names.ts";
import { policyKinds } from "../engine/network-policy.ts";
import {
  findCycle,
  type KindsByName,
  type ParsedSpec,
  type ParsedSpecs,
  type ReferencedRun,
  readReferences,
} from "../engine/references.ts";
import {
  type BatchKind,
  type KernelProgress,
  needsOfRun,
  type Run,
  type RunSpec,
  runResource,
} from "../kinds/batch-kind.ts";
import type { Need } from "../kinds/needs.ts";
import { type HalfPlacedGang, readRivals } from "./gang-placement.ts";
import { leaderPod } from "./progress.ts";
import { notAdmitted } from "./queueing.ts";
import { isNotAdmitted, stuckAt } from "./waiting.ts";

/** The kinds of what is made for a run; pods are made by its Jobs. */
export const childKindsOfRuns = (
  policies: NetworkPolicies,
  podGroups?: Resource<PodGroup>,
): Resource<KubernetesObject>[] => [
  jobs,
  pods,
  configMaps,
  services,
  claims,
  ...policyKinds(policies),
  ...(podGroups ? [podGroups] : []),
];

/** Everything a reconcile of a run looks at, read once. What is decided is a function of this. */
export interface RunScope {
  kind: BatchKind;
  run: Run;
  /** The kind's own spec, with defaults. */
  spec: RunSpec;
  storage: RunStorage;
  /** The run's own claim; absent until it is made. */
  claim?: PersistentVolumeClaim;
  /** The claim that the spec names is not there. */
  claimMissing: boolean;
  /** Another object that has the directory which this one asks to adopt, as "Kind name". */
  holder?: string;
  references: ReferencedRun[];
  /** The way back to the run itself along references, when there is one. */
  cycle?: string[];
  /** What the spec names and is not there; not looked for once the run has begun. */
  absent: Need[];
  /** Children of this very run, told by its uid. */
  jobs: Job[];
  pods: Pod[];
  /** Gangs of other runs that are placed in part as this run's own is. */
  rivals: HalfPlacedGang[];
  configMaps: ConfigMap[];
  services: Service[];
  podGroups: PodGroup[];
  /** Absent: the API server does not schedule gangs. */
  podGroupResource?: Resource<PodGroup>;
  /** What the running program says; absent when none runs or answers. */
  progress?: KernelProgress;
  /** What the cluster or Kueue says of the Job, pod or claim that does not get on. */
  complaint?: string;
  now: Date;
  podDefaults: PodDefaults;
  allowed: Allowed;
  networkPolicies: NetworkPolicies;
  /** Seconds between two looks at a running program. */
  progressSeconds: number;
}

export interface ScopeReader {
  cluster: Cluster;
  /** The one namespace that the operator looks after; absent: all. */
  namespace?: string;
  clock: Clock;
  kinds: KindsByName;
  specs: ParsedSpecs;
  /** What the run's program has said last of how far it is; waits for nobody. */
  progressOf: (run: ObjectName, leader: Pod) => KernelProgress | undefined;
  podDefaults: PodDefaults;
  allowed: Allowed;
  networkPolicies: NetworkPolicies;
  podGroupResource?: Resource<PodGroup>;
  progressSeconds: number;
}

export async function readScope(
  reader: ScopeReader,
  kind: BatchKind,
  run: Run,
  { spec, references: named }: Exclude<ParsedSpec, { problem: string }>,
): Promise<RunScope> {
  const { cluster, kinds, podDefaults, podGroupResource, progressSeconds } = reader;
  const { namespace, name } = run.metadata;
  const storage = storageOf(kind.definition, run, spec);
  const filter = { namespace, labels: ownedBy(run) };
  const [ownJobs, ownPods, ownConfigMaps, ownServices, ownPodGroups, ownClaims, references] =
    await Promise.all([
      cluster.list(jobs, filter),
      cluster.list(pods, filter),
      cluster.list(configMaps, filter),
      cluster.list(services, filter),
      podGroupResource ? cluster.list(podGroupResource, filter) : [],
      cluster.list(claims, filter),
      readReferences(cluster, kinds, namespace, named),
    ]);
  const unresolved = references.some((reference) => reference.run?.status?.artifact === undefined);
  const hasEnded = run.status?.completionTime !== undefined;
  // A claim of others is in no cache: it is asked for only where a Job is to be made that needs it.
  const asks = storage.wanted === undefined && !unresolved && !hasEnded && ownJobs.every(isFinished);
  const begins = !unresolved && !hasEnded && run.status?.startTime === undefined;
  const leader = leaderPod(ownJobs, ownPods);
  const ownClaim = ownClaims.find(({ metadata }) => metadata.name === storage.claimName);
  const now = reader.clock.now();
  const stuck = stuckAt(ownJobs, ownPods, ownClaim);
  return {
    kind,
    run,
    spec,
    storage,
    claim: ownClaim,
    // Until it begins, that claim is among what the run needs.
    claimMissing: asks && !begins && (await cluster.get(claims, namespace, storage.claimName)) === undefined,
    holder: spec.storage.adopt && (await holderOf(reader, kind, run, storage)),
    references,
    cycle: unresolved ? await findCycle(reader, { kind: run.kind, namespace, name }, named) : undefined,
    absent: begins ? await absentNeeds(cluster, namespace, needsOfRun(kind, spec)) : [],
    jobs: ownJobs,
    pods: ownPods,
    rivals: await readRivals(reader, run, ownPods),
    configMaps: ownConfigMaps,
    services: ownServices,
    podGroups: ownPodGroups,
    podGroupResource,
    progress: leader && ofRun(run, reader.progressOf({ kind: run.kind, namespace, name }, leader)),
    complaint: stuck && (await complaintAt(cluster, stuck, now)),
    now,
    podDefaults,
    allowed: reader.allowed,
    networkPolicies: reader.networkPolicies,
    progressSeconds,
  };
}

/** The answer of a program of this run: an address may have become another pod's in the meantime. */
const ofRun = ({ metadata }: Run, said: KernelProgress | undefined): KernelProgress | undefined =>
  said?.uid === undefined || said.uid === metadata.uid ? said : undefined;

/** What others make of a new object takes a moment; Events are in no cache, and many in a burst of objects. */
const patienceSeconds = 5;

/** A claim is named, for what is said of the pod that waits for it does not. */
async function complaintAt(
  cluster: Cluster,
  object: Job | Pod | PersistentVolumeClaim,
  now: Date,
): Promise<string | undefined> {
  if (object.kind === "Job" && isNotAdmitted(object)) return notAdmitted(cluster, object);
  const age = (now.getTime() - Date.parse(object.metadata.creationTimestamp)) / 1000;
  if (age < patienceSeconds) return undefined;
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
  const directory = storage.adopt ?? `${definition.resource.plural}/${name}-${uid.slice(0, 8)}`;
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

/**
 * Who has the directory that the run asks for: whose own it is, else who has begun in it, else who asked first.
 * Where two begin at one instant all the same, the kernels let the last one alone write (`runtime/fence.py`).
 */
async function holderOf(
  { cluster, specs }: ScopeReader,
  kind: BatchKind,
  run: Run,
  { claimName, directory }: RunStorage,
): Promise<string | undefined> {
  const place = ({ metadata, status }: Run, { adopt }: RunSpec["storage"]) =>
    [
      adopt === undefined ? 0 : 1,
      status?.startTime === undefined ? 1 : 0,
      metadata.creationTimestamp,
      metadata.uid,
    ].join(" ");
  const own = place(run, { adopt: directory });
  const others = await cluster.list(runResource(kind), { namespace: run.metadata.namespace });
  const holder = others.find((other) => {
    const parsed = specs.read(kind, other);
    if (other.metadata.uid === run.metadata.uid || "problem" in parsed) return false;
    const { storage } = parsed.spec;
    if (storage.claimName !== claimName) return false;
    return (
      storageOf(kind.definition, other, parsed.spec).directory === directory && place(other, storage) < own
    );
  });
  return holder && `${holder.kind} ${holder.metadata.name}`;
}
