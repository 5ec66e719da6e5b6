import type { Clock } from "../../../clock/clock.ts";
import type { KubernetesObject, ObjectMeta } from "../../objects.ts";
import type { ListFilter, Watch, WatchEvent } from "../../port.ts";
import type { Resource } from "../../resource.ts";
import { type Rest, selectorOf } from "../client/rest.ts";
import { Reflector, type ReflectorHealth } from "./reflector.ts";
import { Store } from "./store.ts";

/** A resource of which every object, or every object with certain labels, is watched and read from memory. */
export interface CacheOptions {
  resource: Resource<KubernetesObject>;
  /** Labels of what is held; absent: everything. */
  labels?: Record<string, string>;
  /** Keys of labels that only objects with `labels` carry: who asks for one of them is served from here. */
  impliedBy?: readonly string[];
  /** Label by whose value objects are found without a search. */
  indexedBy?: string;
}

export interface InformersOptions {
  rest: Rest;
  /** The one namespace that caches hold; absent: all. */
  namespace?: string;
  clock: Clock;
  monotonic: () => number;
  random: () => number;
  report: (error: unknown) => void;
}

interface Informer {
  options: CacheOptions & { namespace?: string };
  store: Store;
  reflector: Reflector;
  /** Watchers of an informer that was opened for them; it stops with the last one. */
  watchers: number;
}

/**
 * All that is watched: the caches, each of which serves whoever asks for a part of it, and what single
 * watchers asked for beside.
 */
export class Informers {
  readonly #options: InformersOptions;
  /** From the start to the end. */
  readonly #caches: Informer[];
  /** Opened for watchers of what no cache holds, by what they watch. */
  readonly #opened = new Map<string, Informer>();

  constructor(options: InformersOptions, caches: readonly CacheOptions[]) {
    this.#options = options;
    const { namespace } = options;
    this.#caches = caches.map((cache) => this.#open({ ...cache, namespace }, { retryFirstList: true }));
  }

  health(): ReflectorHealth[] {
    return this.#all().map(({ reflector }) => reflector.health());
  }

  async stop(): Promise<void> {
    const informers = this.#all();
    this.#opened.clear();
    await Promise.all(informers.map(({ reflector }) => reflector.stop()));
  }

  /** The object, or undefined where there is none; "unknown" where only the API server can tell. */
  get(
    resource: Resource<KubernetesObject>,
    namespace: string,
    name: string,
  ): KubernetesObject | undefined | "unknown" {
    const informer = this.#cacheOf(resource, namespace);
    if (!informer?.store.synced) return "unknown";
    const found = informer.store.get(namespace, name);
    // Where only some objects are held, another may have the name.
    return found === undefined && informer.options.labels !== undefined ? "unknown" : found;
  }

  list(resource: Resource<KubernetesObject>, filter: ListFilter): KubernetesObject[] | "unknown" {
    const informer = this.#covering(resource, filter);
    return informer?.store.synced ? informer.store.list(filter) : "unknown";
  }

  watch(
    resource: Resource<KubernetesObject>,
    filter: ListFilter,
    onEvent: (event: WatchEvent<KubernetesObject>) => void,
  ): Watch {
    const cached = this.#covering(resource, filter);
    if (cached) return cached.store.watch(filter, onEvent);
    const key = JSON.stringify([
      resource.apiVersion,
      resource.plural,
      filter.namespace,
      selectorOf(filter.labels),
    ]);
    const informer = this.#opened.get(key) ?? this.#open({ resource, ...filter }, { retryFirstList: false });
    this.#opened.set(key, informer);
    const isShared = () => this.#opened.get(key) === informer;
    informer.watchers++;
    const watch = informer.store.watch(filter, onEvent);
    // One that could not begin is not shared with those who try later.
    watch.synced.catch(() => isShared() && this.#opened.delete(key));
    let open = true;
    const close = () => {
      watch.close();
      if (!open) return;
      open = false;
      if (--informer.watchers > 0) return;
      if (isShared()) this.#opened.delete(key);
      void informer.reflector.stop();
    };
    return { synced: watch.synced, close };
  }

  /** Later reads see what the API server has just answered, though the watch has not sent it yet. */
  observeWrite(resource: Resource<KubernetesObject>, object: KubernetesObject): void {
    for (const { store } of this.#of(resource)) store.observeWrite(object);
  }

  /** Later reads do not see what is gone, though the watch has not sent it yet. */
  tombstone(
    resource: Resource<KubernetesObject>,
    metadata: Pick<ObjectMeta, "namespace" | "name" | "uid">,
  ): void {
    for (const { store } of this.#of(resource)) store.tombstone(metadata);
  }

  #open(
    options: CacheOptions & { namespace?: string },
    { retryFirstList }: { retryFirstList: boolean },
  ): Informer {
    const { resource, namespace, labels, indexedBy } = options;
    const { rest, clock, monotonic, random, report } = this.#options;
    const store = new Store({ namespace, labels, indexedBy, report });
    const reflector = new Reflector({
      namespace,
      labels,
      resource,
      store,
      rest,
      clock,
      monotonic,
      random,
      retryFirstList,
      report,
    });
    reflector.start();
    return { options, store, reflector, watchers: 0 };
  }

  #all(): Informer[] {
    return [...this.#caches, ...this.#opened.values()];
  }

  #of(resource: Resource<KubernetesObject>): Informer[] {
    return this.#all().filter(({ options }) => isSame(options.resource, resource));
  }

  /** The cache of the resource, if it looks at the namespace. */
  #cacheOf(resource: Resource<KubernetesObject>, namespace: string | undefined): Informer | undefined {
    return this.#caches.find(({ options }) => {
      const looks = options.namespace === undefined || options.namespace === namespace;
      return looks && isSame(options.resource, resource);
    });
  }

  /** The cache that holds everything the filter can mean. */
  #covering(resource: Resource<KubernetesObject>, filter: ListFilter): Informer | undefined {
    const informer = this.#cacheOf(resource, filter.namespace);
    const { labels = {}, impliedBy = [] } = informer?.options ?? {};
    const asked = filter.labels ?? {};
    const stated = Object.entries(labels).every(([key, value]) => asked[key] === value);
    return stated || impliedBy.some((key) => asked[key] !== undefined) ? informer : undefined;
  }
}

function isSame(one: Resource<KubernetesObject>, other: Resource<KubernetesObject>): boolean {
  return one.plural === other.plural && one.apiVersion === other.apiVersion;
}
