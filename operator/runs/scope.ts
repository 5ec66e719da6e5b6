import type { NetworkPolicies, PodDefaults } from "../api/configuration.ts";
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
import { ownedBy } from "../engine/names.ts";
import { policyKinds } from "../engine/network-policy.ts";
import { findCycle, type KindsByName, type ReferencedRun, readReferences } from "../engine/references.ts";
import { type KernelProgress, type Run, RunSpec, type RunStatus } from "../engine/run.ts";
import type { BatchKind } from "../kinds/batch-kind.ts";
import type { Outcome } from "../runtime/outcome.ts";
import { type RunStorage, storageOf } from "./claim.ts";
import { type AskProgress, speaker } from "./progress.ts";

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
  spec: unknown;
  common: RunSpec;
  storage: RunStorage;
  /** The claim the run writes to, whoever made it; absent when there is none of that name, or the run does not come to it yet. */
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
  now: Date;
  podDefaults: PodDefaults;
  networkPolicies: NetworkPolicies;
  /** Seconds between two looks at a running program. */
  progressSeconds: number;
}

export interface WantedChild {
  resource: Resource<KubernetesObject>;
  wanted: Wanted<KubernetesObject>;
  /** create: what exists under the name stays as it is; update: it is made so. */
  mode: "create" | "update";
}

export interface FoundChild {
  resource: Resource<KubernetesObject>;
  object: KubernetesObject;
}

/** What a reconcile is to do, in this order: apply, remove, write status. */
export interface Decision {
  apply: WantedChild[];
  remove: FoundChild[];
  status: RunStatus;
  outcome: Outcome;
}

export interface ScopeReader {
  cluster: Cluster;
  kinds: KindsByName;
  askProgress: AskProgress;
  podDefaults: PodDefaults;
  networkPolicies: NetworkPolicies;
  progressSeconds: number;
}

/** The spec with its defaults, or what is wrong with it, which an API server with our CRDs would have refused. */
export function readSpec(kind: BatchKind, run: Run): { spec: unknown; common: RunSpec } | { problem: string } {
  const own = kind.definition.spec.safeParse(run.spec);
  const common = RunSpec.safeParse(run.spec);
  if (own.success && common.success) return { spec: own.data, common: common.data };
  const issue = own.error?.issues[0] ?? common.error?.issues[0];
  return { problem: `spec.${issue?.path.join(".")}: ${issue?.message}` };
}

export async function readScope(
  reader: ScopeReader,
  kind: BatchKind,
  run: Run,
  { spec, common }: { spec: unknown; common: RunSpec },
  now: Date,
): Promise<RunScope> {
  const { cluster, kinds, podDefaults, networkPolicies, progressSeconds } = reader;
  const { namespace, name } = run.metadata;
  const storage = storageOf(kind.definition, run, common);
  const filter = { namespace, labels: ownedBy(run) };
  const wanted = kind.references(spec);
  const [ownJobs, ownPods, ownConfigMaps, ownServices, ownClaims, references] = await Promise.all([
    cluster.list(jobs, filter),
    cluster.list(pods, filter),
    cluster.list(configMaps, filter),
    cluster.list(services, filter),
    cluster.list(claims, filter),
    readReferences(cluster, kinds, namespace, wanted),
  ]);
  const unresolved = references.some((reference) => reference.run?.status?.artifact === undefined);
  const cycle = unresolved ? await findCycle(cluster, kinds, { kind: run.kind, namespace, name }, wanted) : undefined;
  const isClaim = ({ metadata }: PersistentVolumeClaim) => metadata.name === storage.claimName;
  // A claim of others is in no cache: it is asked for only where it matters.
  const asks = !unresolved && run.status?.completionTime === undefined;
  const claim = ownClaims.find(isClaim) ?? (asks ? await cluster.get(claims, namespace, storage.claimName) : undefined);
  const address = speaker(ownJobs, ownPods)?.status?.podIP;
  const progress = address === undefined ? undefined : await reader.askProgress(address);
  return {
    kind,
    run,
    spec,
    common,
    storage,
    references,
    jobs: ownJobs,
    pods: ownPods,
    configMaps: ownConfigMaps,
    services: ownServices,
    now,
    podDefaults,
    networkPolicies,
    progressSeconds,
    ...(claim !== undefined && { claim }),
    ...(cycle !== undefined && { cycle }),
    ...(progress !== undefined && { progress }),
  };
}
