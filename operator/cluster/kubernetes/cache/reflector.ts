import type { IncomingMessage } from "node:http";
import type { Clock } from "../../../clock/clock.ts";
import { sleep } from "../../../clock/sleep.ts";
import type { KubernetesObject } from "../../objects.ts";
import type { Resource } from "../../resource.ts";
import {
  ExpiredError,
  errorFor,
  NotApiServerError,
  ThrottledError,
  UnreachableError,
} from "../client/errors.ts";
import { type Rest, selectorOf } from "../client/rest.ts";
import type { Store } from "./store.ts";
import { readList, readObject } from "./stored-object.ts";
import { GarbledWatchError, readWatch, type WatchLine } from "./watch-stream.ts";

export interface ReflectorOptions {
  rest: Rest;
  resource: Resource<KubernetesObject>;
  namespace?: string;
  labels?: Record<string, string>;
  store: Store;
  clock: Clock;
  /** Milliseconds on a clock that nobody sets. */
  monotonic: () => number;
  random: () => number;
  /**
   * Whether a first list that fails is always retried. Otherwise its error ends the watches, except during an
   * outage.
   */
  retryFirstList: boolean;
  report: (error: unknown) => void;
}

/** How a reflector is doing, for probes and metrics. */
export interface ReflectorHealth {
  plural: string;
  synced: boolean;
  objects: number;
  /** Since the API server last said anything here: an answer, an event, a bookmark. */
  secondsSinceContact: number;
  /**
   * Since the reflector last did anything, even in vain. Bounded while it lives, whatever the API server
   * does.
   */
  secondsSinceActivity: number;
  /** Watches and lists that failed. */
  failures: number;
}

const pageSize = "500";
/** The API server sends a bookmark about every minute, so a watch that is silent for longer is dead. */
const longestSilenceMilliseconds = 75_000;
/** A watch that ends sooner than this without a word is a failure, or it would be opened again and again. */
const shortWatchMilliseconds = 5_000;
const firstBackoffMilliseconds = 1_000;
const longestBackoffMilliseconds = 20_000;
/**
 * Whatever the API server asks for, a reflector shows signs of life more often than a liveness probe misses
 * them.
 */
const longestRetryAfterSeconds = 120;

/**
 * A watch that never sent anything, not even a bookmark: something on the way, such as a proxy that buffers,
 * keeps it back.
 */
class MuteWatchError extends Error {}

/** Keeps a store as the API server has it: lists, then watches from there, until `stop`. */
export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #stopping = new AbortController();
  #ended: Promise<void> | undefined;
  /** From where to watch; undefined: list first. */
  #version: string | undefined;
  #contact: number;
  #activity: number;
  #failures = 0;
  /** Not before then, by the API server's own word. */
  #retryAt = 0;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#contact = this.#activity = this.#now();
  }

  start(): void {
    this.#ended ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  health(): ReflectorHealth {
    const { resource, store } = this.#options;
    const now = this.#now();
    return {
      plural: resource.plural,
      synced: store.synced,
      objects: store.size,
      secondsSinceContact: (now - this.#contact) / 1000,
      secondsSinceActivity: (now - this.#activity) / 1000,
      failures: this.#failures,
    };
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#stopping;
    let inRow = 0;
    while (!signal.aborted) {
      const began = this.#now();
      this.#activity = began;
      const progressed = await this.#listAndWatch();
      const lasting = this.#now() - began >= shortWatchMilliseconds;
      inRow = progressed ? 0 : lasting ? 1 : inRow + 1;
      // Whatever a watch cannot get past, a list can.
      if (inRow > 0 && inRow % 5 === 0) this.#version = undefined;
      const patience = Math.max(
        this.#retryAt - this.#now(),
        inRow > 0 ? backoffMilliseconds(inRow, random) : 0,
      );
      if (patience > 0) await sleep(clock, patience, signal);
    }
  }

  /**
   * One watch, after a list where one is needed; false when it came to nothing, so that the next had better
   * wait.
   */
  async #listAndWatch(): Promise<boolean> {
    const began = this.#now();
    try {
      this.#version ??= await this.#list();
      const lines = await this.#watch(this.#version);
      return lines > 0 || this.#now() - began >= shortWatchMilliseconds;
    } catch (error) {
      if (this.#stopping.signal.aborted) return false;
      this.#failures++;
      if (error instanceof ThrottledError) {
        this.#retryAt = this.#now() + Math.min(error.retryAfterSeconds, longestRetryAfterSeconds) * 1000;
      }
      const isAway = [UnreachableError, NotApiServerError, ThrottledError].some(
        (kind) => error instanceof kind,
      );
      const outage = isAway && this.#options.rest.reached;
      if (!this.#options.retryFirstList && !this.#options.store.synced && !outage) {
        this.#options.store.fail(error);
        this.#stopping.abort();
        return false;
      }
      const leadsNowhere = [ExpiredError, GarbledWatchError, MuteWatchError].some(
        (kind) => error instanceof kind,
      );
      if (leadsNowhere) this.#version = undefined;
      if (!(error instanceof ExpiredError)) this.#options.report(error);
      return false;
    }
  }

  /** Fills the cache; returns the resourceVersion to watch from. */
  async #list(): Promise<string> {
    try {
      return await this.#listBy(pageSize);
    } catch (error) {
      // The rest of the pages expired midway: the whole at once cannot.
      if (!(error instanceof ExpiredError)) throw error;
      return this.#listBy(undefined);
    }
  }

  async #listBy(limit: string | undefined): Promise<string> {
    const { rest, resource, namespace, store } = this.#options;
    const objects: KubernetesObject[] = [];
    let version: string;
    let next: string | undefined;
    do {
      const answer = await rest.json({
        verb: "list",
        resource,
        namespace,
        query: { labelSelector: selectorOf(this.#options.labels), limit, continue: next },
        signal: this.#stopping.signal,
      });
      this.#recordContact();
      const page = readList(resource, answer);
      objects.push(...page.items);
      ({ version, next } = page);
    } while (next !== undefined);
    store.replace(objects, version);
    return version;
  }

  /** Watches until the API server ends the response; returns how many lines it sent. */
  async #watch(from: string): Promise<number> {
    const { rest, random, resource, namespace, labels } = this.#options;
    const response = await rest.open({
      verb: "watch",
      resource,
      namespace,
      query: {
        watch: "true",
        resourceVersion: from,
        labelSelector: selectorOf(labels),
        allowWatchBookmarks: "true",
        timeoutSeconds: String(300 + Math.floor(random() * 300)),
      },
      signal: this.#stopping.signal,
    });
    this.#recordContact();
    let lines = 0;
    const unguard = this.#guardSilence(response, () => lines === 0);
    try {
      for await (const line of readWatch(response)) {
        lines++;
        this.#recordContact();
        this.#take(line);
      }
      return lines;
    } finally {
      unguard();
      response.destroy();
    }
  }

  #take({ type, object }: WatchLine): void {
    const { store, resource } = this.#options;
    if (type === "ERROR") {
      const { apiVersion, plural, kind } = resource;
      const { code = 500 } = object as { code?: number };
      throw errorFor({ verb: "watch", apiVersion, plural, kind }, { code, body: JSON.stringify(object) });
    }
    if (type === "BOOKMARK") {
      const version = (object as Partial<KubernetesObject>).metadata?.resourceVersion;
      if (version === undefined) return;
      store.bookmark(version);
      this.#version = version;
      return;
    }
    const read = readObject(resource, object);
    store.observe({ type, object: read });
    this.#version = read.metadata.resourceVersion;
  }

  /** Ends a response that is silent for too long, as on a half-open connection. */
  #guardSilence(response: IncomingMessage, isMute: () => boolean): () => void {
    const { clock, resource } = this.#options;
    const what = `the watch of ${resource.plural} was silent for ${longestSilenceMilliseconds / 1000} s`;
    let cancel: () => void;
    const look = () => {
      const left = this.#contact + longestSilenceMilliseconds - this.#now();
      if (left > 0) cancel = clock.after(left, look);
      else
        response.destroy(
          isMute() ? new MuteWatchError(`${what}; listing again`) : new Error(`${what}; watching again`),
        );
    };
    cancel = clock.after(longestSilenceMilliseconds, look);
    return () => cancel();
  }

  #recordContact(): void {
    this.#contact = this.#activity = this.#now();
  }

  #now(): number {
    return this.#options.monotonic();
  }
}

/** From a second doubling to twenty, of which the upper half is random. */
function backoffMilliseconds(inRow: number, random: () => number): number {
  const ceiling = Math.min(firstBackoffMilliseconds * 2 ** (inRow - 1), longestBackoffMilliseconds);
  return (ceiling * (1 + random())) / 2;
}
