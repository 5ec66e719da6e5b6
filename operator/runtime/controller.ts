import { randomUUID } from "node:crypto";
import type { Cancel, Clock } from "../clock/clock.ts";
import { keyOf, type NamespacedName } from "../cluster/object-key.ts";
import type { KubernetesObject } from "../cluster/objects.ts";
import { type Cluster, ConflictError, NotFoundError, type Watch, type WatchEvent } from "../cluster/port.ts";
import type { Resource } from "../cluster/resource.ts";
import { inSpan, type Span } from "../tracing/spans.ts";
import type { Logger } from "./logger.ts";
import type { Metrics, ResultLabel } from "./metrics.ts";
import type { Outcome } from "./outcome.ts";
import { ownWish, WakeFilter } from "./wake-filter.ts";
import { WorkQueue } from "./work-queue.ts";

/** What a reconcile is given: a name and nothing of what woke it. */
export type Request = NamespacedName;

export interface ReconcileContext {
  logger: Logger;
}

export interface Reconciler {
  reconcile(request: Request, context: ReconcileContext): Promise<Outcome>;
  /**
   * Says on the object that its reconcile has thrown for a while, and what: people see the object, not the
   * operator's log. Called once for each problem.
   */
  failed?(request: Request, problem: string): Promise<void>;
}

export interface Runtime {
  cluster: Cluster;
  clock: Clock;
  random: () => number;
  logger: Logger;
  metrics: Metrics;
  /** The one namespace to look at; absent: all. */
  namespace?: string;
}

/** What is reconciled says in its status which spec was acted on. */
type Reconciled = KubernetesObject & { status?: { observedGeneration?: number } };

export interface ControllerOptions<T extends Reconciled> {
  /** The kind that is reconciled. */
  resource: Resource<T>;
  children: {
    resources: readonly Resource<KubernetesObject>[];
    /** Labels that every child carries. */
    labels: Record<string, string>;
    /** The object of `resource` a child was made for. */
    ownerOf(child: KubernetesObject): Request | undefined;
  };
  reconciler: Reconciler;
  /** Objects reconciled at once. */
  workers: number;
  /** Told of every event of `resource`, before its key is queued. */
  onEvent?: (event: WatchEvent<T>) => void;
}

/** A problem that lasts this long is no hiccup of the API server. */
const toldAfterSeconds = 10;
const longestProblem = 1000;

/** Every object is looked at again this often, for what no event told. */
const resyncSeconds = 600;

/**
 * Watches a kind and its children, and calls the reconciler: serially for one object, in parallel for
 * several.
 */
export class Controller<T extends Reconciled> {
  readonly #runtime: Runtime;
  readonly #options: ControllerOptions<T>;
  readonly #queue: WorkQueue;
  readonly #observer: ReturnType<Metrics["controller"]>;
  readonly #watches: Watch[] = [];
  readonly #workers: Promise<void>[] = [];
  /** Keys whose last reconcile threw, since when, and the problem that was told of them. */
  readonly #failing = new Map<string, { since: number; told?: string }>();
  #resync: Cancel | undefined;

  constructor(runtime: Runtime, options: ControllerOptions<T>) {
    const name = options.resource.kind.toLowerCase();
    this.#runtime = runtime;
    this.#options = options;
    this.#queue = new WorkQueue({
      clock: runtime.clock,
      random: runtime.random,
      observer: runtime.metrics.queue(name),
    });
    this.#observer = runtime.metrics.controller(name, this.#options.workers);
  }

  /** Resolves once everything that existed at the start is queued. */
  async start(): Promise<void> {
    const { cluster, namespace } = this.#runtime;
    const filter = namespace === undefined ? {} : { namespace };
    const wakes = new WakeFilter<T>(ownWish);
    this.#watches.push(
      cluster.watch(this.#options.resource, filter, (event) => {
        this.#options.onEvent?.(event);
        if (!wakes.passes(event)) return;
        this.#queue.add(keyOf(event.object.metadata), { urgent: isUnseen(event.object) });
      }),
    );
    const { resources, labels, ownerOf } = this.#options.children;
    for (const child of resources) {
      const onEvent = ({ object }: WatchEvent<KubernetesObject>) => {
        const owner = ownerOf(object);
        if (owner !== undefined) this.enqueue(owner);
      };
      this.#watches.push(cluster.watch(child, { ...filter, labels }, onEvent));
    }
    await Promise.all(this.#watches.map((watch) => watch.synced));
    for (let worker = 0; worker < this.#options.workers; worker++) this.#workers.push(this.#work());
    this.#planResync();
  }

  enqueue(request: Request): void {
    this.#queue.add(keyOf(request));
  }

  /** Starts no new reconcile; resolves when those under way have ended. */
  async stop(): Promise<void> {
    for (const watch of this.#watches) watch.close();
    this.#resync?.();
    this.#queue.stop();
    await Promise.all(this.#workers);
  }

  #planResync(): void {
    const seconds = resyncSeconds * (1 + this.#runtime.random() / 10);
    this.#resync = this.#runtime.clock.after(seconds * 1000, () => {
      this.#planResync();
      void this.#enqueueAll();
    });
  }

  async #enqueueAll(): Promise<void> {
    const { cluster, namespace, logger } = this.#runtime;
    try {
      const objects = await cluster.list(
        this.#options.resource,
        namespace === undefined ? {} : { namespace },
      );
      for (const object of objects) this.enqueue(object.metadata);
    } catch (error) {
      logger.warn({ err: error, kind: this.#options.resource.kind }, "listing for resync failed");
    }
  }

  async #work(): Promise<void> {
    for (let key = await this.#queue.take(); key !== undefined; key = await this.#queue.take()) {
      await this.#reconcile(key);
      this.#queue.done(key);
    }
  }

  async #reconcile(key: string): Promise<void> {
    const { namespace, name } = requestOf(key);
    const { kind } = this.#options.resource;
    const attributes = { "k8s.namespace.name": namespace, "tanren.kind": kind, "tanren.name": name };
    const began = this.#runtime.clock.now().getTime();
    this.#observer.began();
    const result = await inSpan(`reconcile ${kind}`, attributes, async (span) => {
      const result = await this.#act(key, span);
      span.set("tanren.result", result);
      return result;
    });
    this.#observer.ended(result, (this.#runtime.clock.now().getTime() - began) / 1000);
  }

  async #act(key: string, span: Span): Promise<ResultLabel> {
    const request = requestOf(key);
    const logger = this.#runtime.logger.child({
      kind: this.#options.resource.kind,
      ...request,
      reconcileID: randomUUID(),
      ...(span.traceId !== undefined && { trace_id: span.traceId }),
    });
    try {
      return this.#settle(key, await this.#options.reconciler.reconcile(request, { logger }), logger);
    } catch (error) {
      span.failed(error);
      return this.#retry(key, error, logger);
    }
  }

  #settle(key: string, outcome: Outcome, logger: Logger): ResultLabel {
    this.#queue.forget(key);
    this.#failing.delete(key);
    switch (outcome.kind) {
      case "done":
        return "success";
      case "again":
        this.#queue.addAfter(key, outcome.afterSeconds * 1000);
        return "requeue_after";
      case "waiting":
        logger.debug({ reason: outcome.reason }, outcome.message);
        this.#queue.addAfter(key, outcome.afterSeconds * 1000);
        return "requeue_after";
      case "stalled":
        logger.info({ reason: outcome.reason }, outcome.message);
        return "success";
    }
  }

  /**
   * A conflict is the normal end of acting on a read that is no longer the newest: it is tried again without
   * a word.
   */
  async #retry(key: string, error: unknown, logger: Logger): Promise<ResultLabel> {
    this.#queue.addRateLimited(key);
    await this.#tell(key, error, logger);
    if (error instanceof ConflictError) return "conflict";
    // What was deleted while it was worked on: the watch is about to tell so.
    if (error instanceof NotFoundError && this.#failing.get(key)?.told === undefined) return "conflict";
    logger.error({ err: error }, "reconcile failed and is tried again");
    return "error";
  }

  async #tell(key: string, error: unknown, logger: Logger): Promise<void> {
    const now = this.#runtime.clock.now().getTime();
    const failing = this.#failing.get(key) ?? { since: now };
    this.#failing.set(key, failing);
    const said = error instanceof Error ? error.message : String(error);
    const problem = said.replace(/\s+/g, " ").slice(0, longestProblem);
    if (failing.told === problem) return;
    const tellIn = failing.since + toldAfterSeconds * 1000 - now;
    if (tellIn > 0) {
      // The backoff has grown long by then, and who waits for the sentence shall not wait for it too.
      this.#queue.addAfter(key, tellIn);
      return;
    }
    try {
      await this.#options.reconciler.failed?.(requestOf(key), problem);
      failing.told = problem;
    } catch (refused) {
      logger.warn({ err: refused }, "the object's status could not say that its reconcile fails");
    }
  }
}

function requestOf(key: string): Request {
  const [namespace = "", name = ""] = key.split("/");
  return { namespace, name };
}

/**
 * Whether nobody has acted on its newest spec: people wait for that, and not behind what runs by itself or is
 * looked at once more.
 */
function isUnseen({ metadata, status }: Reconciled): boolean {
  return status?.observedGeneration !== metadata.generation;
}
