import type { KubernetesObject, Wanted } from "./objects.ts";
import type { Resource } from "./resource.ts";

/**
 * What reconcilers and the command need of a cluster. Two adapters: `kubernetes` speaks to an API server,
 * `local` keeps objects in a directory and runs pods as processes. Semantics are the API server's; the
 * contract suite runs against both.
 */
export interface Cluster {
  get<T extends KubernetesObject>(
    resource: Resource<T>,
    namespace: string,
    name: string,
  ): Promise<T | undefined>;

  /**
   * All objects of a kind in a namespace (all namespaces when absent) that carry the labels and have the
   * fields.
   */
  list<T extends KubernetesObject>(resource: Resource<T>, filter?: ListSelection): Promise<T[]>;

  /**
   * Server-side apply with the caller's field manager, forced: creates the object or makes its spec as
   * stated. A repeat changes nothing, not even resourceVersion. Throws InvalidError when the schema or a CEL
   * rule refuses it.
   */
  apply<T extends KubernetesObject>(resource: Resource<T>, wanted: Wanted<T>): Promise<T>;

  /**
   * As `apply`, of an object that is not there: throws ConflictError when its name is taken, whoever has it,
   * and leaves that one as it is.
   */
  create<T extends KubernetesObject>(resource: Resource<T>, wanted: Wanted<T>): Promise<T>;

  /**
   * Merges a few fields into the spec (JSON merge patch: null takes a field away) and leaves the others, and
   * who owns them, as they are. Throws InvalidError as `apply` does, NotFoundError when the object is gone.
   */
  patchSpec<T extends KubernetesObject>(
    resource: Resource<T>,
    object: Pick<T, "metadata">,
    changes: Readonly<Record<string, unknown>>,
  ): Promise<T>;

  /**
   * Replaces status. Throws ConflictError when `object.metadata.resourceVersion` is not the newest,
   * NotFoundError when it is gone.
   */
  updateStatus<T extends KubernetesObject>(resource: Resource<T>, object: T): Promise<T>;

  /** Sets or removes one finalizer without touching those of others; a repeat changes nothing. */
  setFinalizer<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    finalizer: string,
    present: boolean,
  ): Promise<T | undefined>;

  /**
   * Deletes by UID, so that a namesake born later is never hit. Dependents by owner reference go too, by
   * background propagation. Pods get their grace period, or the one given. An object that is gone already is
   * no error.
   */
  delete<T extends KubernetesObject>(
    resource: Resource<T>,
    object: Pick<T, "metadata">,
    options?: DeleteOptions,
  ): Promise<void>;

  /**
   * Calls `onEvent` for every object that exists and then for every change, in order per object, until
   * closed.
   */
  watch<T extends KubernetesObject>(
    resource: Resource<T>,
    filter: ListFilter,
    onEvent: (event: WatchEvent<T>) => void,
  ): Watch;

  /** Content of a pod's log; with `follow` until the pod ends or the signal aborts. */
  logs(namespace: string, pod: string, options: LogOptions): AsyncIterable<string>;
}

export interface DeleteOptions {
  /**
   * How long a pod's programs may take to end; 0 does not wait for them, nor for a node that does not answer.
   */
  graceSeconds?: number;
}

export interface ListFilter {
  namespace?: string;
  labels?: Record<string, string>;
}

export interface ListSelection extends ListFilter {
  /**
   * Values by path, such as `regarding.uid` of Events; an API server selects by few paths of each kind and
   * refuses others.
   */
  fields?: Record<string, string>;
}

export interface WatchEvent<T> {
  type: "ADDED" | "MODIFIED" | "DELETED";
  object: T;
}

export interface Watch {
  /** Resolves once everything that existed at the start has been an event. */
  readonly synced: Promise<void>;
  close(): void;
}

export interface LogOptions {
  follow?: boolean;
  tailLines?: number;
  /** What the container said before it was last started again; NotFoundError when it never was. */
  previous?: boolean;
  signal?: AbortSignal;
}

/** Base of the errors that the port throws; anything else is transient. */
export class ClusterError extends Error {}

export class NotFoundError extends ClusterError {}

/** Refuses `previous` of a log. */
export const noPreviousLog = (namespace: string, name: string, cause?: unknown): NotFoundError =>
  new NotFoundError(
    `the container of Pod ${namespace}/${name} was never started again: it has no previous log`,
    {
      cause,
    },
  );

export class ConflictError extends ClusterError {}

/** Whoever asks may not, or a quota, a policy or a namespace that is going does not let it. */
export class ForbiddenError extends ClusterError {}

/** The schema or a CEL rule refuses the object: every cause names its field. */
export class InvalidError extends ClusterError {
  readonly causes: readonly { field: string; message: string }[];

  constructor(kind: string, name: string, causes: readonly { field: string; message: string }[]) {
    super(`${kind} ${name}: ${causes.map((cause) => `${cause.field}: ${cause.message}`).join("; ")}`);
    this.causes = causes;
  }
}
