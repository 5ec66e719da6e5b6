import type { KubeConfig } from "@kubernetes/client-node";
import { z } from "zod";
import { type Clock, systemClock } from "../../clock/clock.ts";
import type { KubernetesObject, Pod, Wanted } from "../objects.ts";
import {
  type Cluster,
  ConflictError,
  type DeleteOptions,
  type ListFilter,
  type ListSelection,
  type LogOptions,
  NotFoundError,
  type Watch,
  type WatchEvent,
} from "../port.ts";
import { pods, type Resource } from "../resource.ts";
import { type CacheOptions, Informers } from "./cache/informers.ts";
import type { ReflectorHealth } from "./cache/reflector.ts";
import { readList, readObject } from "./cache/stored-object.ts";
import { type CallsHealth, CallsInFlight } from "./client/calls-in-flight.ts";
import { Connection } from "./client/connection.ts";
import { Credentials } from "./client/credentials.ts";
import type { KubeConfigSource } from "./client/kubeconfig.ts";
import { readLog } from "./client/pod-log.ts";
import { type Request, Rest, selectorOf } from "./client/rest.ts";

export type { CacheOptions } from "./cache/informers.ts";
export type { ReflectorHealth } from "./cache/reflector.ts";
export type { Connection } from "./client/connection.ts";
export { missingKinds } from "./client/discovery.ts";
export { UnauthorizedError, UnreachableError } from "./client/errors.ts";
export type { KubeConfigSource } from "./client/kubeconfig.ts";
export { type ElectionOptions, LeaderElection, NotLeaderError } from "./leader-election/election.ts";
export { leaseStore } from "./leader-election/lease.ts";
export { KubernetesMetrics } from "./metrics.ts";

export interface KubernetesOptions {
  kubeconfig?: KubeConfigSource;
  /**
   * What is watched from the start and read from memory; everything else is asked of the API server each
   * time.
   */
  caches?: readonly CacheOptions[];
  /** The one namespace that caches hold; absent: all. */
  namespace?: string;
  /** Whose the applied fields are. */
  fieldManager?: string;
  /** After this long the API server and this side both give a write up. */
  writeTimeoutSeconds?: number;
  /** Called right before every write; throws when this process may no longer write. */
  mayWrite?: () => void;
  /** Called with what goes wrong in watches; the work is tried again. */
  report: (error: unknown) => void;
  /** Called for every response of the API server. */
  answered?: (method: string, code: number) => void;
  clock?: Clock;
  /** Milliseconds on a clock that nobody sets. */
  monotonic?: () => number;
  /** From 0 to 1, for jitter. */
  random?: () => number;
}

export function connectKubernetes(options: KubernetesOptions): KubernetesCluster {
  return new KubernetesCluster(options);
}

/** For what is no business of the cluster port: the leader's lease, discovery. */
export function openConnection(source: KubeConfigSource, clock: Clock = systemClock): Connection {
  return new Connection(new Credentials(source), clock);
}

/** A cluster behind an API server. */
export class KubernetesCluster implements Cluster {
  readonly #options: KubernetesOptions;
  readonly #clock: Clock;
  readonly #connection: Connection;
  readonly #rest: Rest;
  readonly #calls: CallsInFlight;
  readonly #informers: Informers;

  constructor(options: KubernetesOptions) {
    const { clock = systemClock, random = Math.random, monotonic = () => performance.now() } = options;
    const { writeTimeoutSeconds, mayWrite, answered } = options;
    this.#options = options;
    this.#clock = clock;
    this.#connection = openConnection(options.kubeconfig ?? {}, clock);
    this.#calls = new CallsInFlight(clock, monotonic);
    this.#rest = new Rest({
      connection: this.#connection,
      calls: this.#calls,
      clock,
      random,
      writeTimeoutSeconds,
      mayWrite,
      answered,
    });
    const { namespace, caches = [], report } = options;
    this.#informers = new Informers(
      { namespace, rest: this.#rest, clock, monotonic, random, report },
      caches,
    );
  }

  /** URL of the API server. */
  get server(): string {
    return this.#connection.credentials.server;
  }

  /** Namespace of the kubeconfig's context. */
  get currentNamespace(): string {
    return this.#connection.credentials.namespace;
  }

  /** Context of the kubeconfig that is spoken to. */
  get context(): string {
    return this.#connection.credentials.context;
  }

  /** The name by which the API server knows whoever asks. */
  async whoAmI(): Promise<string> {
    const answer = await this.#rest.json({
      verb: "create",
      resource: selfSubjectReviews,
      body: selfSubjectReview,
    });
    return SelfSubjectReview.parse(answer).status.userInfo.username;
  }

  /** For client-node's own protocols, such as port forwarding. */
  kubeConfig(): Promise<KubeConfig> {
    return this.#connection.credentials.kubeConfig();
  }

  /** Calls under way and waiting, and how many the API server has room for. */
  calls(): CallsHealth {
    return this.#calls.health();
  }

  /** How every watch is doing. */
  health(): ReflectorHealth[] {
    return this.#informers.health();
  }

  /** Ends every watch and every request under way. */
  async stop(): Promise<void> {
    await this.#informers.stop();
    this.#connection.close();
  }

  async get<T extends KubernetesObject>(
    resource: Resource<T>,
    namespace: string,
    name: string,
  ): Promise<T | undefined> {
    const known = this.#informers.get(resource, namespace, name);
    return known === "unknown" ? this.#read(resource, namespace, name) : (known as T | undefined);
  }

  async list<T extends KubernetesObject>(resource: Resource<T>, selection: ListSelection = {}): Promise<T[]> {
    const { fields, ...filter } = selection;
    const known = fields === undefined ? this.#informers.list(resource, filter) : "unknown";
    if (known !== "unknown") return known as T[];
    const { namespace, labels } = filter;
    const query = { labelSelector: selectorOf(labels), fieldSelector: selectorOf(fields) };
    return readList(resource, await this.#rest.json({ verb: "list", resource, namespace, query })).items;
  }

  async apply<T extends KubernetesObject>(resource: Resource<T>, wanted: Wanted<T>): Promise<T> {
    const object = readObject(resource, await this.#rest.json(this.#application(resource, wanted)));
    this.#informers.observeWrite(resource, object);
    return object;
  }

  /** An apply that is bound to a version no object has makes an object, or conflicts. */
  async create<T extends KubernetesObject>(resource: Resource<T>, wanted: Wanted<T>): Promise<T> {
    return this.apply(resource, {
      ...wanted,
      metadata: { ...wanted.metadata, resourceVersion: versionOfNone },
    });
  }

  /**
   * A dry run of `apply`: throws what it would throw. The answer is left aside, for an object that is not
   * there yet has no version.
   */
  async tryApply<T extends KubernetesObject>(resource: Resource<T>, wanted: Wanted<T>): Promise<void> {
    const request = this.#application(resource, wanted);
    await this.#rest.json({ ...request, query: { ...request.query, dryRun: "All" } });
  }

  async patchSpec<T extends KubernetesObject>(
    resource: Resource<T>,
    { metadata: { namespace, name, uid } }: Pick<T, "metadata">,
    changes: Readonly<Record<string, unknown>>,
  ): Promise<T> {
    const answer = await this.#rest.json({
      verb: "patch",
      resource,
      namespace,
      name,
      query: { fieldManager: this.#fieldManager, fieldValidation: "Strict" },
      body: { metadata: { uid }, spec: changes },
      contentType: "application/merge-patch+json",
    });
    const written = readObject(resource, answer);
    this.#informers.observeWrite(resource, written);
    return written;
  }

  async updateStatus<T extends KubernetesObject>(resource: Resource<T>, object: T): Promise<T> {
    const { namespace, name } = object.metadata;
    const answer = await this.#rest.json({
      verb: "update",
      resource,
      namespace,
      name,
      subresource: "status",
      query: { fieldManager: this.#fieldManager },
      body: object,
    });
    const written = readObject(resource, answer);
    this.#informers.observeWrite(resource, written);
    return written;
  }

  async setFinalizer<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    finalizer: string,
    present: boolean,
  ): Promise<T | undefined> {
    const { namespace, name, uid } = object.metadata;
    // The object in hand may be old: only what was read just now can say that there is nothing to do.
    for (let newest: T | undefined = object; newest?.metadata.uid === uid; ) {
      const finalizers = changedFinalizers(newest, finalizer, present);
      if (finalizers === undefined && newest !== object) return newest;
      const answer = finalizers && (await this.#patchFinalizers(resource, newest, finalizers));
      if (answer && answer !== "outdated") return answer.object;
      newest = await this.#read(resource, namespace, name);
    }
    return undefined;
  }

  async delete<T extends KubernetesObject>(
    resource: Resource<T>,
    object: Pick<T, "metadata">,
    { graceSeconds }: DeleteOptions = {},
  ): Promise<void> {
    const { namespace, name, uid } = object.metadata;
    let answer: unknown;
    try {
      answer = await this.#rest.json({
        verb: "delete",
        resource,
        namespace,
        name,
        body: {
          apiVersion: "v1",
          kind: "DeleteOptions",
          preconditions: { uid },
          propagationPolicy: "Background",
          gracePeriodSeconds: graceSeconds,
        },
      });
    } catch (error) {
      const namesake = error instanceof ConflictError && /UID in (the )?precondition/.test(error.message);
      if (!(error instanceof NotFoundError) && !namesake) throw error;
    }
    // A Status instead of the object says that it is gone at once; some kinds send the object as it was
    // instead.
    const marked = isMarked(answer) ? readObject(resource, answer) : undefined;
    if (marked && !isGone(marked)) this.#informers.observeWrite(resource, marked);
    else this.#informers.tombstone(resource, object.metadata);
  }

  watch<T extends KubernetesObject>(
    resource: Resource<T>,
    filter: ListFilter,
    onEvent: (event: WatchEvent<T>) => void,
  ): Watch {
    return this.#informers.watch(resource, filter, onEvent as (event: WatchEvent<KubernetesObject>) => void);
  }

  logs(namespace: string, name: string, options: LogOptions): AsyncIterable<string> {
    const readPod = () => this.#read<Pod>(pods, namespace, name);
    return readLog({ rest: this.#rest, clock: this.#clock, namespace, name, readPod }, options);
  }

  get #fieldManager(): string {
    return this.#options.fieldManager ?? "tanren";
  }

  async #read<T extends KubernetesObject>(
    resource: Resource<T>,
    namespace: string,
    name: string,
  ): Promise<T | undefined> {
    try {
      const object = readObject(resource, await this.#rest.json({ verb: "get", resource, namespace, name }));
      this.#informers.observeWrite(resource, object);
      return object;
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  #application<T extends KubernetesObject>(resource: Resource<T>, wanted: Wanted<T>): Request {
    const { namespace, name } = wanted.metadata;
    return {
      verb: "patch",
      resource,
      namespace,
      name,
      query: { fieldManager: this.#fieldManager, force: "true", fieldValidation: "Strict" },
      body: wanted,
      contentType: "application/apply-patch+yaml",
    };
  }

  /**
   * The whole list is stated, bound to the version it was read at: a finalizer that others set meanwhile is
   * never lost.
   */
  async #patchFinalizers<T extends KubernetesObject>(
    resource: Resource<T>,
    { metadata }: T,
    finalizers: string[],
  ): Promise<{ object: T | undefined } | "outdated"> {
    const { namespace, name, uid, resourceVersion } = metadata;
    const place = { resource, namespace, name };
    let object: T;
    try {
      const answer = await this.#rest.json({
        ...place,
        verb: "patch",
        query: { fieldManager: this.#fieldManager },
        body: { metadata: { uid, resourceVersion, finalizers } },
        contentType: "application/merge-patch+json",
      });
      object = readObject(resource, answer);
    } catch (error) {
      if (error instanceof NotFoundError) return { object: undefined };
      if (error instanceof ConflictError) return "outdated";
      throw error;
    }
    if (isGone(object)) {
      this.#informers.tombstone(resource, object.metadata);
      return { object: undefined };
    }
    this.#informers.observeWrite(resource, object);
    return { object };
  }
}

const selfSubjectReviews = {
  apiVersion: "authentication.k8s.io/v1",
  kind: "SelfSubjectReview",
  plural: "selfsubjectreviews",
  clusterScoped: true,
} as const;
const selfSubjectReview = { apiVersion: selfSubjectReviews.apiVersion, kind: selfSubjectReviews.kind };
const SelfSubjectReview = z.object({
  status: z.object({ userInfo: z.object({ username: z.string() }) }),
});

/** An empty etcd is at revision 1: the first object that is ever written has a later one. */
const versionOfNone = "1";

/**
 * Whether nothing holds the object any more: the API server answers with it a last time as it takes it away.
 */
function isGone({ metadata }: KubernetesObject): boolean {
  const {
    deletionTimestamp,
    finalizers = [],
    deletionGracePeriodSeconds = 0,
  } = metadata as KubernetesObject["metadata"] & {
    deletionGracePeriodSeconds?: number;
  };
  return deletionTimestamp !== undefined && finalizers.length === 0 && deletionGracePeriodSeconds === 0;
}

/** The list with the finalizer in or out; undefined where it is so already. */
function changedFinalizers(
  { metadata }: KubernetesObject,
  finalizer: string,
  present: boolean,
): string[] | undefined {
  const before = metadata.finalizers ?? [];
  if (before.includes(finalizer) === present) return undefined;
  return present ? [...before, finalizer] : before.filter((other) => other !== finalizer);
}

function isMarked(answer: unknown): boolean {
  return (answer as Partial<KubernetesObject> | undefined)?.metadata?.deletionTimestamp !== undefined;
}
