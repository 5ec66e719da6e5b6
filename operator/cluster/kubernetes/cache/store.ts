import { keyOf } from "../../object-key.ts";
import type { KubernetesObject, ObjectMeta } from "../../objects.ts";
import type { ListFilter, Watch, WatchEvent } from "../../port.ts";
import { isLater } from "./stored-object.ts";

export interface StoreOptions {
  /** The one namespace that is cached; absent: all. */
  namespace?: string;
  /** Labels of what is cached; absent: everything. */
  labels?: Record<string, string>;
  /** Label by whose value objects are found without a search. */
  indexedBy?: string;
  /** Called with what handlers throw. */
  report: (error: unknown) => void;
}

interface Watcher {
  filter: ListFilter;
  onEvent: (event: WatchEvent<KubernetesObject>) => void;
  /** Until it has got what exists, it gets no events. */
  started: boolean;
}

/** Departures of our own making that the watch may be behind; more than it ever is. */
const mostTombstones = 1_000;

/**
 * The objects of one resource as a watch tells them, and as answers to our own requests do, whichever is
 * later. Invariants:
 * - what is cached of a name never goes back to an older resourceVersion;
 * - what the watch has gone past, and what we deleted ourselves, does not come back by a late answer;
 * - watchers get each state once, whichever way it came. Objects are handed out as they are cached,
 *   frozen.
 */
export class Store {
  readonly #options: StoreOptions;
  readonly #namespaces = new Map<string, Map<string, KubernetesObject>>();
  readonly #index = new Map<string, Set<KubernetesObject>>();
  /**
   * By name, what our own requests showed to be gone or out of the labels' reach before the watch did: up
   * to that version, and for a deleted UID in any version, later events of the name are history.
   */
  readonly #tombstones = new Map<string, { uid: string; at: string; deleted: boolean }>();
  readonly #watchers = new Set<Watcher>();
  readonly #firstList = Promise.withResolvers<void>();
  /** How far the watch has come; undefined before the first list. */
  #seen: string | undefined;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  /** Whether the first list is in. */
  get synced(): boolean {
    return this.#seen !== undefined;
  }

  get size(): number {
    return this.#namespaces.values().reduce((sum, objects) => sum + objects.size, 0);
  }

  get(namespace: string, name: string): KubernetesObject | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  list(filter: ListFilter): KubernetesObject[] {
    return this.#candidates(filter)
      .filter((object) => matches(object, filter))
      .toArray()
      .sort((a, b) => (keyOf(a.metadata) < keyOf(b.metadata) ? -1 : 1));
  }

  /** Replays what is cached once the first list is in. */
  watch(filter: ListFilter, onEvent: (event: WatchEvent<KubernetesObject>) => void): Watch {
    const watcher: Watcher = { filter, onEvent, started: false };
    this.#watchers.add(watcher);
    const synced = this.#firstList.promise.then(() => {
      if (!this.#watchers.has(watcher)) return;
      watcher.started = true;
      for (const object of this.list(filter)) this.#emit(watcher, "ADDED", object);
    });
    synced.catch(() => {}); // for who waits for it; a watcher may not
    return { synced, close: () => void this.#watchers.delete(watcher) };
  }

  /** The answer to a write or a read of ours. */
  observeWrite(object: KubernetesObject): void {
    const { uid, resourceVersion, namespace, name } = object.metadata;
    const passed = this.#seen !== undefined && !isLater(resourceVersion, this.#seen);
    if (passed || this.#isTombstoned(object) || !this.#holdsNamespace(object)) return;
    if (matches(object, this.#options)) {
      this.#put(object);
      return;
    }
    const cached = this.get(namespace, name);
    if (cached && isLater(cached.metadata.resourceVersion, resourceVersion)) return;
    this.#addTombstone(object.metadata, false);
    if (cached) this.#remove(cached, cached.metadata.uid === uid ? object : cached);
  }

  /** We deleted the object, and it is gone for good. */
  tombstone({ namespace, name, uid }: Pick<ObjectMeta, "namespace" | "name" | "uid">): void {
    const cached = this.get(namespace, name);
    if (cached && cached.metadata.uid !== uid) return; // a namesake that was born since
    this.#addTombstone(
      { namespace, name, uid, resourceVersion: cached?.metadata.resourceVersion ?? "0" },
      true,
    );
    if (cached) this.#remove(cached, cached);
  }

  /** An event of the watch. */
  observe({ type, object }: WatchEvent<KubernetesObject>): void {
    const { resourceVersion, namespace, name } = object.metadata;
    this.bookmark(resourceVersion);
    if (type !== "DELETED") {
      if (!this.#isTombstoned(object)) this.#put(object);
      return;
    }
    const cached = this.get(namespace, name);
    if (cached && !isLater(cached.metadata.resourceVersion, resourceVersion)) this.#remove(cached, object);
  }

  /** The watch has sent everything up to here. */
  bookmark(resourceVersion: string): void {
    if (this.#seen === undefined || isLater(resourceVersion, this.#seen)) this.#seen = resourceVersion;
    for (const [key, { at, deleted }] of this.#tombstones) {
      if (!deleted && !isLater(at, resourceVersion)) this.#tombstones.delete(key);
    }
  }

  /**
   * A complete list: watchers get what changed meanwhile. A list older than what the watch has sent
   * before comes of a cluster restored from a backup; there, older is right.
   */
  replace(objects: readonly KubernetesObject[], resourceVersion: string): void {
    const restored = this.#seen !== undefined && isLater(this.#seen, resourceVersion);
    const listed = new Set(objects.map(({ metadata }) => keyOf(metadata)));
    const uids = new Set(objects.map(({ metadata }) => metadata.uid));
    for (const [key, { uid, at, deleted }] of this.#tombstones) {
      // A list that was taken before our deletion does not tell when the watch will have passed it.
      const isPassed = !deleted && !uids.has(uid) && !isLater(at, resourceVersion);
      if (restored || isPassed) this.#tombstones.delete(key);
    }
    for (const cached of this.list({})) {
      const newer = isLater(cached.metadata.resourceVersion, resourceVersion);
      if (!listed.has(keyOf(cached.metadata)) && (restored || !newer)) this.#remove(cached, cached);
    }
    for (const object of objects) if (!this.#isTombstoned(object)) this.#put(object, restored);
    this.#seen = resourceVersion;
    this.#firstList.resolve();
  }

  /** There will be no list. */
  fail(error: unknown): void {
    this.#firstList.promise.catch(() => {}); // there may be no watcher
    this.#firstList.reject(error);
  }

  #addTombstone(
    last: Pick<ObjectMeta, "namespace" | "name" | "uid" | "resourceVersion">,
    deleted: boolean,
  ): void {
    const before = this.#tombstones.get(keyOf(last))?.at ?? "0";
    const at = isLater(before, last.resourceVersion) ? before : last.resourceVersion;
    this.#tombstones.delete(keyOf(last)); // to be the newest of all
    this.#tombstones.set(keyOf(last), { uid: last.uid, at, deleted });
    const [oldest] = this.#tombstones.keys();
    if (this.#tombstones.size > mostTombstones && oldest !== undefined) this.#tombstones.delete(oldest);
  }

  #isTombstoned({ metadata }: KubernetesObject): boolean {
    const tombstone = this.#tombstones.get(keyOf(metadata));
    if (tombstone === undefined) return false;
    return (
      !isLater(metadata.resourceVersion, tombstone.at) ||
      (tombstone.deleted && tombstone.uid === metadata.uid)
    );
  }

  *#candidates({ namespace, labels }: ListFilter): Generator<KubernetesObject> {
    const { indexedBy } = this.#options;
    const value = indexedBy === undefined ? undefined : labels?.[indexedBy];
    if (value !== undefined) yield* this.#index.get(value) ?? [];
    else if (namespace !== undefined) yield* this.#namespaces.get(namespace)?.values() ?? [];
    else for (const objects of this.#namespaces.values()) yield* objects.values();
  }

  #holdsNamespace({ metadata }: KubernetesObject): boolean {
    return this.#options.namespace === undefined || this.#options.namespace === metadata.namespace;
  }

  #put(object: KubernetesObject, force = false): void {
    const { namespace, name, uid, resourceVersion } = object.metadata;
    const cached = this.get(namespace, name);
    if (cached?.metadata.uid === uid && cached.metadata.resourceVersion === resourceVersion) return;
    if (cached && !force && !isLater(resourceVersion, cached.metadata.resourceVersion)) return;
    if (cached && cached.metadata.uid !== uid) this.#remove(cached, cached);
    const objects = this.#namespaces.get(namespace) ?? new Map<string, KubernetesObject>();
    this.#namespaces.set(namespace, objects.set(name, freeze(object)));
    this.#tombstones.delete(keyOf(object.metadata));
    if (cached) this.#unindex(cached);
    this.#addToIndex(object);
    this.#emitAll(cached?.metadata.uid === uid ? cached : undefined, object);
  }

  #remove(cached: KubernetesObject, last: KubernetesObject): void {
    const { namespace, name } = cached.metadata;
    const objects = this.#namespaces.get(namespace);
    objects?.delete(name);
    if (objects?.size === 0) this.#namespaces.delete(namespace);
    this.#unindex(cached);
    for (const watcher of this.#watchers)
      if (matches(cached, watcher.filter)) this.#emit(watcher, "DELETED", last);
  }

  #addToIndex(object: KubernetesObject): void {
    const value = this.#indexValue(object);
    if (value === undefined) return;
    const objects = this.#index.get(value) ?? new Set();
    this.#index.set(value, objects.add(object));
  }

  #unindex(object: KubernetesObject): void {
    const value = this.#indexValue(object);
    const objects = value === undefined ? undefined : this.#index.get(value);
    objects?.delete(object);
    if (value !== undefined && objects?.size === 0) this.#index.delete(value);
  }

  #indexValue({ metadata }: KubernetesObject): string | undefined {
    const { indexedBy } = this.#options;
    return indexedBy === undefined ? undefined : metadata.labels?.[indexedBy];
  }

  /** A change of labels can bring an object into a watcher's view or take it out. */
  #emitAll(before: KubernetesObject | undefined, after: KubernetesObject): void {
    for (const watcher of this.#watchers) {
      const [was, is] = [
        before !== undefined && matches(before, watcher.filter),
        matches(after, watcher.filter),
      ];
      if (was || is) this.#emit(watcher, was ? (is ? "MODIFIED" : "DELETED") : "ADDED", after);
    }
  }

  #emit(watcher: Watcher, type: WatchEvent<unknown>["type"], object: KubernetesObject): void {
    if (!watcher.started) return;
    try {
      watcher.onEvent({ type, object });
    } catch (error) {
      this.#options.report(error);
    }
  }
}

function matches({ metadata }: KubernetesObject, { namespace, labels }: ListFilter): boolean {
  if (namespace !== undefined && metadata.namespace !== namespace) return false;
  for (const key in labels) if (metadata.labels?.[key] !== labels[key]) return false;
  return true;
}

function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}
