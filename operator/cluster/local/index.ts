import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { type Clock, systemClock } from "../../clock/clock.ts";
import type { KubernetesObject, Wanted } from "../objects.ts";
import {
  type Cluster,
  type DeleteOptions,
  type ListFilter,
  type ListSelection,
  type LogOptions,
  NotFoundError,
  type Watch,
  type WatchEvent,
} from "../port.ts";
import { builtinResources, pods, type Resource } from "../resource.ts";
import { Admission, type CustomResource } from "./apiserver/admission.ts";
import { ObjectFiles } from "./apiserver/object-files.ts";
import { Store } from "./apiserver/store.ts";
import { runDeployments } from "./controllers/deployment-controller.ts";
import { collectGarbage } from "./controllers/garbage-collection.ts";
import { runJobs } from "./controllers/job-controller.ts";
import { runScheduler } from "./controllers/scheduler.ts";
import { proxyServices } from "./controllers/service-proxy.ts";
import { FullDiskError } from "./disk.ts";
import { bindClaims } from "./kubelet/claims.ts";
import { Kubelet, type NodeOptions } from "./kubelet/kubelet.ts";
import { enforceMemoryLimits } from "./kubelet/memory-limit.ts";
import { currentAttempt, podLog } from "./kubelet/pod-directory.ts";
import { readLog } from "./kubelet/pod-log.ts";
import { isTerminal, restartCount } from "./kubelet/pod-status.ts";
import { shutDownPods } from "./kubelet/shutdown.ts";
import { acquireLock } from "./lock.ts";
import { serveSocket } from "./socket/server.ts";

export type { CustomResource } from "./apiserver/admission.ts";
export { isFullDisk } from "./disk.ts";
export { type ClaimMetadata, claimDirectory, pathAnnotation } from "./kubelet/claims.ts";
export type { NodeOptions } from "./kubelet/kubelet.ts";
export { findOperator } from "./lock.ts";
export { type ReadableCluster, readAtRest } from "./offline-reader.ts";
export { connectLocal } from "./socket/client.ts";

/** Told what keeps the cluster from its work and takes a person to mend; it goes on once it can. */
export type TroubleListener = (sentence: string) => void;

/** Before the same trouble is told again. */
const reminderMilliseconds = 60_000;

export interface LocalClusterOptions {
  /** Everything the cluster keeps: objects, pods, claims, its lock and its socket. */
  stateDirectory: string;
  customResources: readonly CustomResource[];
  /** `cpus`: cores that the requests of running pods may add up to, by default all. */
  node?: Partial<NodeOptions> & { cpus?: number };
  clock?: Clock;
  /** Called with what goes wrong inside; the work is tried again. */
  report: (error: unknown) => void;
}

/** A cluster of one machine: objects in a directory, pods as processes. Linux only. */
export class LocalCluster implements Cluster {
  readonly #store: Store;
  readonly #state: string;
  readonly #clock: Clock;
  /** In the order in which they stop: no controller acts on what the shutdown of another does. */
  readonly #parts: { stop(): void | Promise<void> }[];
  readonly #lock: { release(): void };
  readonly #listeners = new Set<TroubleListener>();
  #toldAt = Number.NEGATIVE_INFINITY;
  #stopped = false;
  #hurried = false;

  private constructor(stateDirectory: string, lock: { release(): void }, options: LocalClusterOptions) {
    const { clock = systemClock, customResources, node } = options;
    const report = (error: unknown) => {
      if (error instanceof FullDiskError) this.#tell(error.message);
      options.report(error);
    };
    this.#state = stateDirectory;
    this.#clock = clock;
    this.#lock = lock;
    const store = new Store(
      new ObjectFiles(join(stateDirectory, "objects"), ({ message }) => this.#tell(message)),
      new Admission(customResources),
      clock,
    );
    this.#store = store;
    const context = { store, clock, report };
    const resources = [
      ...builtinResources,
      ...customResources.map(({ resource }) => resource),
    ] as Resource<KubernetesObject>[];
    const { cpus = availableParallelism(), ...container } = node ?? {};
    this.#parts = [
      collectGarbage(context, resources),
      runJobs(context),
      runDeployments(context),
      bindClaims(context, stateDirectory),
      proxyServices(context),
      runScheduler(context, cpus),
      enforceMemoryLimits(context, stateDirectory),
      new Kubelet(context, stateDirectory, { programs: {}, env: {}, ...container }),
    ];
  }

  /**
   * Opens the state directory, made where it is missing. Pods that an earlier operator left running are found
   * again.
   */
  static async open(options: LocalClusterOptions): Promise<LocalCluster> {
    const stateDirectory = resolve(options.stateDirectory);
    await requireLoopbackRange();
    mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
    const lock = acquireLock(stateDirectory);
    let cluster: LocalCluster | undefined;
    try {
      cluster = new LocalCluster(stateDirectory, lock, options);
      cluster.#parts.unshift(await serveSocket(cluster, stateDirectory));
      return cluster;
    } catch (error) {
      if (cluster) await cluster.stop({ pods: "keep" });
      else lock.release();
      throw error;
    }
  }

  /**
   * Ends the operator's part. Pods run on and are found by the next `open`, or are stopped within their grace
   * period.
   */
  async stop({ pods: fate }: { pods: "keep" | "terminate" }): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    try {
      for (const part of this.#parts) await part.stop();
      if (fate === "terminate")
        await shutDownPods(this.#store, this.#state, this.#clock, () => this.#hurried);
    } finally {
      this.#lock.release();
    }
  }

  /** Shortens a `stop` under way: the grace period of every pod is over. */
  hurry(): void {
    this.#hurried = true;
  }

  /** Tells of trouble from now on. */
  onTrouble(listener: TroubleListener): { close(): void } {
    this.#listeners.add(listener);
    return { close: () => void this.#listeners.delete(listener) };
  }

  #tell(sentence: string): void {
    const now = this.#clock.now().getTime();
    if (now - this.#toldAt < reminderMilliseconds) return;
    this.#toldAt = now;
    for (const listener of this.#listeners) listener(sentence);
  }

  async get<T extends KubernetesObject>(
    resource: Resource<T>,
    namespace: string,
    name: string,
  ): Promise<T | undefined> {
    return this.#store.get(resource, namespace, name);
  }

  async list<T extends KubernetesObject>(resource: Resource<T>, selection?: ListSelection): Promise<T[]> {
    return this.#store.list(resource, selection);
  }

  async apply<T extends KubernetesObject>(resource: Resource<T>, wanted: Wanted<T>): Promise<T> {
    return this.#store.apply(resource, wanted);
  }

  async patchSpec<T extends KubernetesObject>(
    resource: Resource<T>,
    object: Pick<T, "metadata">,
    changes: Readonly<Record<string, unknown>>,
  ): Promise<T> {
    return this.#store.patchSpec(resource, object, changes);
  }

  async create<T extends KubernetesObject>(resource: Resource<T>, wanted: Wanted<T>): Promise<T> {
    return this.#store.create(resource, wanted);
  }

  async updateStatus<T extends KubernetesObject>(resource: Resource<T>, object: T): Promise<T> {
    return this.#store.updateStatus(resource, object);
  }

  async setFinalizer<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    finalizer: string,
    present: boolean,
  ): Promise<T | undefined> {
    return this.#store.setFinalizer(resource, object, finalizer, present);
  }

  async delete<T extends KubernetesObject>(
    resource: Resource<T>,
    object: Pick<T, "metadata">,
    options?: DeleteOptions,
  ): Promise<void> {
    this.#store.delete(resource, object, options);
  }

  watch<T extends KubernetesObject>(
    resource: Resource<T>,
    filter: ListFilter,
    onEvent: (event: WatchEvent<T>) => void,
  ): Watch {
    return this.#store.watch(resource, filter, onEvent);
  }

  async *logs(namespace: string, name: string, options: LogOptions): AsyncIterable<string> {
    const pod = this.#store.get(pods, namespace, name);
    if (!pod) throw new NotFoundError(`Pod ${namespace}/${name} is gone`);
    const path = podLog(this.#state, pod, options.previous);
    const isPast = path !== currentAttempt(this.#state, pod).logPath;
    const hasEnded = () => {
      const now = this.#store.get(pods, namespace, name);
      const isOther = now?.metadata.uid !== pod.metadata.uid || restartCount(now) !== restartCount(pod);
      return isPast || isOther || isTerminal(now);
    };
    yield* readLog(path, options, hasEnded, this.#clock);
  }
}

/** Every pod has an address of its own in 127.64.0.0/10, which Linux answers for without set-up. */
async function requireLoopbackRange(): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `This machine does not answer for 127.64.0.1 (${cause.message}); the local cluster gives each pod an address of 127.64.0.0/10, as Linux has by default`;
      reject(new Error(message, { cause }));
    });
    server.listen(0, "127.64.0.1", resolve);
  });
  await new Promise((resolve) => server.close(resolve));
}
