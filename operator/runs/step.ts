import type { Reason } from "../api/reasons.ts";
import { isTrue, type RootState } from "../cluster/conditions.ts";
import type { Job, KubernetesObject, Wanted } from "../cluster/objects.ts";
import { configMaps, jobs, type Resource, services } from "../cluster/resource.ts";
import { labels } from "../engine/names.ts";
import type { RunStatus } from "../engine/run.ts";
import { done, type Outcome } from "../runtime/outcome.ts";
import { failed, root } from "./run-status.ts";
import type { FoundChild, RunScope, WantedChild } from "./scope.ts";
import { queueLabel } from "./stage-objects.ts";

/** What one reconcile does with a run, before its root condition is put into status. */
export interface Turn {
  apply: WantedChild[];
  remove: FoundChild[];
  status: RunStatus;
  state: RootState;
  outcome: Outcome;
}

export function turn(
  status: RunStatus,
  state: RootState,
  outcome: Outcome = done,
  writes: Partial<Pick<Turn, "apply" | "remove">> = {},
): Turn {
  return { apply: [], remove: [], status, state, outcome, ...writes };
}

/** For what no watch tells of. */
export const lookAgainSeconds = 30;

/** Something outside must come first. */
export function waitTurn(
  status: RunStatus,
  reason: Reason,
  message: string,
  writes?: Partial<Pick<Turn, "apply" | "remove">>,
): Turn {
  return turn(
    status,
    root.open(reason, message),
    { kind: "waiting", reason, message, afterSeconds: lookAgainSeconds },
    writes,
  );
}

/** A person must change something first. */
export function refuseTurn(status: RunStatus, reason: Reason, message: string): Turn {
  return turn(status, root.refused(reason, message), { kind: "stalled", reason, message });
}

/** The run has ended badly. Jobs that still run are taken away. */
export function failTurn(
  scope: RunScope,
  status: RunStatus,
  stage: string | undefined,
  reason: Reason,
  message: string,
): Turn {
  const remove = scope.jobs.filter((job) => !isFinished(job)).map((job) => found(jobs, job));
  return turn(
    failed(status, stage, scope.now),
    root.refused(reason, message),
    { kind: "stalled", reason, message },
    { remove },
  );
}

export const isFinished = (job: Job): boolean =>
  isTrue(job.status?.conditions, "Complete") || isTrue(job.status?.conditions, "Failed");

export function found<T extends KubernetesObject>(resource: Resource<T>, object: T): FoundChild {
  return { resource, object };
}

export function wanted<T extends KubernetesObject>(
  resource: Resource<T>,
  child: Wanted<T>,
  mode: WantedChild["mode"],
): WantedChild {
  return { resource, wanted: child, mode };
}

/** Jobs, ConfigMaps and Services of the run that the test picks. */
export function children(scope: RunScope, picked: (object: KubernetesObject) => boolean): FoundChild[] {
  return [
    ...scope.jobs.filter(picked).map((job) => found(jobs, job)),
    ...scope.services.filter(picked).map((service) => found(services, service)),
    ...scope.configMaps.filter(picked).map((configMap) => found(configMaps, configMap)),
  ];
}

export const attemptOf = (object: KubernetesObject): number => Number(object.metadata.labels?.[labels.attempt]);

export const isOfStage = (object: KubernetesObject, stage: string): boolean =>
  object.metadata.labels?.[labels.stage] === stage;

/**
 * The Jobs that still run, stopped or let go as spec.suspend says. A Job is stated as it was read, so that a newer operator's
 * rendering never touches it. Kueue alone starts and stops the Jobs of its queues, so one of those is taken away instead, and made
 * again when the run goes on.
 */
export function suspension(scope: RunScope): Pick<Turn, "apply" | "remove"> {
  const { suspend } = scope.common;
  const running = scope.jobs.filter((job) => !isFinished(job) && job.metadata.deletionTimestamp === undefined);
  const queued = running.filter((job) => job.metadata.labels?.[queueLabel] !== undefined);
  const unlike = running.filter((job) => !queued.includes(job) && (job.spec.suspend ?? false) !== suspend);
  return {
    apply: unlike.map((job) => wanted(jobs, restated(job, suspend), "update")),
    remove: suspend ? queued.map((job) => found(jobs, job)) : [],
  };
}

function restated({ apiVersion, kind, metadata, spec }: Job, suspend: boolean): Wanted<Job> {
  const { name, namespace, labels: own, annotations, ownerReferences } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace,
      ...(own && { labels: own }),
      ...(annotations && { annotations }),
      ...(ownerReferences && { ownerReferences }),
    },
    spec: { ...spec, suspend },
  };
}
