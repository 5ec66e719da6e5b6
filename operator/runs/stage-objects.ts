import { createHash } from "node:crypto";
import type { PodDefaults } from "../api/configuration.ts";
import { runChanges } from "../api/parts.ts";
import { programExitCodes as exitCodes } from "../api/reasons.ts";
import { isFinished } from "../cluster/conditions.ts";
import type {
  ConfigMap,
  EnvVar,
  Job,
  KubernetesObject,
  PodGroup,
  Service,
  Wanted,
} from "../cluster/objects.ts";
import { configMaps, jobs, type Resource, services } from "../cluster/resource.ts";
import { stagePrograms } from "../contract/index.ts";
import { containerName, podTemplate, threadsOf } from "../engine/kernel-pod.ts";
import { attemptName, childLabels, controllerReference, labels } from "../engine/names.ts";

import { type FoundChild, found, type WantedChild, wanted } from "../engine/reconcile-result.ts";
import type { Run, RunSpec, Stage } from "../kinds/batch-kind.ts";
import { queueLabel, queueOf, workloadPriorityLabel } from "./queueing.ts";
import type { RunScope, RunStorage } from "./scope.ts";

/**
 * What an attempt at a stage is made of: a ConfigMap, a Job and, for gangs of several pods, a headless
 * Service and a PodGroup where the API server has that kind; all of one name.
 */
export interface AttemptObjects {
  configMap: Wanted<ConfigMap>;
  service?: Wanted<Service>;
  podGroup?: Wanted<PodGroup>;
  job: Wanted<Job>;
}

export interface AttemptPlan {
  run: Run;
  spec: RunSpec;
  storage: RunStorage;
  stage: Stage;
  attempt: number;
  /** Configuration of the stage's program, complete. */
  config: unknown;
  podDefaults: PodDefaults;
  /** Absent: the API server does not schedule gangs. */
  podGroupResource?: Resource<PodGroup>;
}

const rendezvousPort = 29_400;

/** Time to finish a step after SIGTERM. */
const stepSeconds = 120;

/** Then the checkpoint that is being written must be whole, and another be written. */
export const graceSeconds = ({ saveSeconds = 0 }: Pick<Stage, "saveSeconds">): number =>
  stepSeconds + 2 * saveSeconds;

/**
 * The stage's configuration with what the engine adds; what the program would refuse is said before any pod
 * runs.
 */
export function stageConfig(
  run: Run,
  spec: RunSpec,
  stage: Stage,
  attempt: number,
  own: Record<string, unknown>,
): { config: unknown } | { problem: string } {
  const { namespace, name, uid } = run.metadata;
  const parsed = stagePrograms[stage.program].safeParse({
    ...own,
    run: { kind: run.kind, namespace, name, uid, stage: stage.name, attempt },
    output: `output/${stage.name}`,
    ...(spec.storage.adopt !== undefined && { adopted: true }),
    threads: threadsOf(spec.compute, stage.processesPerPod),
  });
  if (parsed.success) return { config: parsed.data };
  const [issue] = parsed.error.issues;
  return {
    problem: `stage ${stage.name}: configuration of ${stage.program}: ${issue?.path.join(".") || "(root)"}: ${issue?.message}`,
  };
}

export function attemptObjects(plan: AttemptPlan): AttemptObjects {
  const { run, stage, attempt } = plan;
  const name = attemptName(run, stage.name, attempt);
  const metadata = {
    name,
    namespace: run.metadata.namespace,
    labels: { ...childLabels(run), [labels.stage]: stage.name, [labels.attempt]: String(attempt) },
    ownerReferences: [controllerReference(run)],
  };
  const configMap: Wanted<ConfigMap> = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata,
    data: { "config.json": `${JSON.stringify(plan.config, undefined, 2)}\n` },
    immutable: true,
  };
  if (!hasRendezvous(stage)) return { configMap, job: job(plan, metadata) };
  const service: Wanted<Service> = {
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: {
      clusterIP: "None",
      // Ranks look each other up before any of them is ready.
      publishNotReadyAddresses: true,
      selector: selectorOf(plan),
      ports: [{ name: "rendezvous", port: rendezvousPort, targetPort: rendezvousPort }],
    },
  };
  const podGroup: Wanted<PodGroup> | undefined = plan.podGroupResource && {
    apiVersion: plan.podGroupResource.apiVersion as PodGroup["apiVersion"],
    kind: "PodGroup",
    metadata,
    spec: {
      schedulingPolicy: { gang: { minCount: stage.pods } },
      // It goes before that of the pods.
      priorityClassName: plan.spec.compute.priorityClassName,
    },
  };
  return { configMap, service, podGroup, job: job(plan, metadata, podGroup) };
}

/** The pods of one attempt. */
const selectorOf = ({ run, stage, attempt }: AttemptPlan) => ({
  [labels.uid]: run.metadata.uid,
  [labels.stage]: stage.name,
  [labels.attempt]: String(attempt),
});

export const hasRendezvous = (stage: Stage) => stage.coupling === "gang" && stage.pods > 1;

function job(
  plan: AttemptPlan,
  metadata: AttemptObjects["configMap"]["metadata"],
  podGroup?: Wanted<PodGroup>,
): Wanted<Job> {
  const { run, spec, storage, stage, podDefaults } = plan;
  const queue = spec.compute.queueName ?? podDefaults.queueName;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      ...metadata,
      annotations: { [specAnnotation]: specDigest(run) },
      labels: { ...metadata.labels, ...queueLabels(queue, spec.compute.workloadPriorityClassName) },
    },
    spec: {
      completionMode: "Indexed",
      completions: stage.pods,
      parallelism: stage.pods,
      // The engine restarts: only it knows checkpoints, budgets and what does not count.
      backoffLimit: 0,
      // Kueue starts a Job when it has admitted it.
      suspend: queue !== undefined,
      podReplacementPolicy: "Failed",
      podFailurePolicy: {
        rules: [
          {
            action: "FailJob",
            onExitCodes: { containerName, operator: "In", values: [exitCodes.invalid, exitCodes.numerics] },
          },
        ],
      },
      template: podTemplate({
        labels: metadata.labels ?? {},
        peers: { labelSelector: { matchLabels: selectorOf(plan) } },
        program: stage.program,
        compute: spec.compute,
        defaults: podDefaults,
        gpus: stage.gpusPerPod,
        processes: stage.processesPerPod,
        configMap: metadata.name,
        inputs: stage.mounts,
        output: { claimName: storage.claimName, directory: storage.directory },
        env: rendezvous(stage, metadata.name),
        graceSeconds: graceSeconds(stage),
        restartPolicy: "Never",
        podGroupName: podGroup?.metadata.name,
        ...(hasRendezvous(stage) && { subdomain: metadata.name }),
      }),
    },
  };
}

/** A priority among the queue's Jobs means nothing to a Job without one. */
const queueLabels = (queue?: string, priority?: string): Record<string, string> =>
  queue === undefined
    ? {}
    : { [queueLabel]: queue, ...(priority !== undefined && { [workloadPriorityLabel]: priority }) };

/** Environment of torchrun: node rank is JOB_COMPLETION_INDEX, which the Job controller sets. */
function rendezvous(stage: Stage, name: string): EnvVar[] {
  if (stage.coupling !== "gang" || stage.pods * stage.processesPerPod === 1) return [];
  return [
    { name: "MASTER_ADDR", value: hasRendezvous(stage) ? `${name}-0.${name}` : "127.0.0.1" },
    { name: "MASTER_PORT", value: String(rendezvousPort) },
    { name: "NNODES", value: String(stage.pods) },
    { name: "NPROC_PER_NODE", value: String(stage.processesPerPod) },
  ];
}

/** Jobs, ConfigMaps, Services and PodGroups of the run that the test picks. */
export function children(scope: RunScope, picked: (object: KubernetesObject) => boolean): FoundChild[] {
  const { podGroups, podGroupResource } = scope;
  return [
    ...scope.jobs.filter(picked).map((job) => found(jobs, job)),
    ...scope.services.filter(picked).map((service) => found(services, service)),
    ...(podGroupResource ? podGroups.filter(picked).map((group) => found(podGroupResource, group)) : []),
    ...scope.configMaps.filter(picked).map((configMap) => found(configMaps, configMap)),
  ];
}

export const numberOf = (object: KubernetesObject): number =>
  Number(object.metadata.labels?.[labels.attempt]);

export const isOfAttempt = (object: KubernetesObject): boolean =>
  object.metadata.labels?.[labels.attempt] !== undefined;

export const isOfStage = (object: KubernetesObject, stage: string): boolean =>
  object.metadata.labels?.[labels.stage] === stage;

/** On a Job, the digest of the spec that it was made from. */
const specAnnotation = "tanren.dev/spec";

const notMadeFrom = new Set(
  Object.entries(runChanges).flatMap(([field, when]) => (when === "always" ? [field] : [])),
);

/** Digest of what of a spec a Job is made from; the order of its fields is not in it. */
function specDigest({ spec }: Run): string {
  const made = Object.entries(spec ?? {}).filter(([field]) => !notMadeFrom.has(field));
  const text = JSON.stringify(Object.fromEntries(made), (_key, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** Whether the spec has changed since the Job was made. One that an older operator made does not say. */
function isOutdated({ metadata }: Job, run: Run): boolean {
  const made = metadata.annotations?.[specAnnotation];
  return made !== undefined && made !== specDigest(run);
}

/** On a Job that the run has suspended, so that only those are resumed: others suspend Jobs too. */
const suspendedAnnotation = "tanren.dev/suspended";

/**
 * The Jobs that still run, suspended or resumed as spec.suspend says. A Job is stated as it was read, so that
 * a newer operator's rendering never touches it. Kueue alone starts and stops the Jobs of its queues, so one
 * of those is taken away instead, and made again when the run resumes; so is one whose spec was changed while
 * it was suspended, with all of its name. A Job that a person or another controller has suspended stays so.
 */
export function suspension(scope: RunScope): { apply: WantedChild[]; remove: FoundChild[] } {
  const { suspend } = scope.spec;
  const active = scope.jobs.filter((job) => !isFinished(job) && job.metadata.deletionTimestamp === undefined);
  const queued = active.filter((job) => queueOf(job) !== undefined);
  const own = active.filter((job) => !queued.includes(job));
  const unlike = own.filter((job) => (suspend ? job.spec.suspend !== true : isSuspendedByRun(job)));
  const outdated = suspend ? [] : unlike.filter((job) => isOutdated(job, scope.run));
  const names = new Set(outdated.map(({ metadata }) => metadata.name));
  return {
    apply: unlike
      .filter((job) => !outdated.includes(job))
      .map((job) => wanted(jobs, restated(job, suspend), "update")),
    remove: suspend
      ? queued.map((job) => found(jobs, job))
      : children(scope, ({ metadata }) => names.has(metadata.name)),
  };
}

const isSuspendedByRun = ({ metadata, spec }: Job): boolean =>
  spec.suspend === true && metadata.annotations?.[suspendedAnnotation] === "true";

function restated({ apiVersion, kind, metadata, spec }: Job, suspend: boolean): Wanted<Job> {
  const { name, namespace, labels: own, ownerReferences } = metadata;
  const { [suspendedAnnotation]: _, ...others } = metadata.annotations ?? {};
  const annotations = suspend ? { ...others, [suspendedAnnotation]: "true" } : others;
  return {
    apiVersion,
    kind,
    metadata: { name, namespace, labels: own, annotations, ownerReferences },
    spec: { ...spec, suspend },
  };
}
