import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { type Clock, timestamp } from "../../../clock/clock.ts";
import { keyOf } from "../../object-key.ts";
import type { KubernetesObject, ObjectMeta, Pod, Wanted } from "../../objects.ts";
import {
  ConflictError,
  type DeleteOptions,
  InvalidError,
  type ListFilter,
  type ListSelection,
  NotFoundError,
  type Watch,
  type WatchEvent,
} from "../../port.ts";
import { pods, type Resource } from "../../resource.ts";
import type { Admission } from "./admission.ts";
import type { ObjectFiles, Stored } from "./object-files.ts";

/** As the API server's admission does: a claim in use outlives its deletion until its pods have ended. */
export const claimProtection = "kubernetes.io/pvc-protection";

type Watcher = { filter: ListFilter; emit: (event: WatchEvent<Stored>) => void };

/** What an apply states, and for the controllers' own creations the finalizers too. */
type Stated<T extends KubernetesObject> = Wanted<T> & { metadata: { finalizers?: string[] } };

/**
 * The API server's memory. Every method is synchronous: it reads, decides, writes the file and tells the
 * watchers without letting anyone else in, so the controllers in this process never act on a stale read.
 * Objects go in and out by copy.
 */
export class Store {
  readonly #objects = new Map<string, Map<string, Stored>>();
  readonly #watchers = new Map<string, Set<Watcher>>();
  readonly #files: ObjectFiles;
  readonly #admission: Admission;
  readonly #clock: Clock;

  constructor(files: ObjectFiles, admission: Admission, clock: Clock) {
    this.#files = files;
    this.#admission = admission;
    this.#clock = clock;
    for (const { plural, object } of files.load()) this.#kind(plural).set(keyOf(object.metadata), object);
  }

  get<T extends KubernetesObject>(resource: Resource<T>, namespace: string, name: string): T | undefined {
    const found = this.#kind(resource.plural).get(keyOf({ namespace, name }));
    return found && (structuredClone(found) as T);
  }

  list<T extends KubernetesObject>(resource: Resource<T>, selection: ListSelection = {}): T[] {
    const found = [...this.#kind(resource.plural).values()].filter((object) => matches(object, selection));
    const key = (object: Stored) => keyOf(object.metadata);
    return found.sort((a, b) => (key(a) < key(b) ? -1 : 1)).map((object) => structuredClone(object) as T);
  }

  /** Every object of every kind, not to be changed. */
  *everything(): Iterable<{ plural: string; object: Readonly<Stored> }> {
    for (const [plural, kind] of this.#objects) for (const object of kind.values()) yield { plural, object };
  }

  apply<T extends KubernetesObject>(resource: Resource<T>, wanted: Wanted<T>): T {
    const old = this.#kind(resource.plural).get(keyOf(wanted.metadata));
    if (!old) return this.create(resource, wanted);
    const stated = plain(wanted);
    const { labels: _, annotations: __, ownerReferences: ___, ...owned } = old.metadata;
    const next: Stored = { ...stated, metadata: { ...owned, ...statedMetadata(stated.metadata) } };
    if (resource.status) delete next.status;
    if (resource.status && old.status !== undefined) next.status = old.status;
    if (resource.plural === pods.plural) next.spec = { ...(next.spec as object), ...nodeName(old as Pod) };
    return this.#change(resource, old, next);
  }

  patchSpec<T extends KubernetesObject>(
    resource: Resource<T>,
    object: Pick<T, "metadata">,
    changes: Readonly<Record<string, unknown>>,
  ): T {
    const old = this.#current(resource, object);
    return this.#change(resource, old, { ...old, spec: merged(old.spec, plain(changes)) });
  }

  /** Puts what admission makes of the object; its generation counts changes of its spec. */
  #change<T extends KubernetesObject>(resource: Resource<T>, old: Stored, next: Stored): T {
    const admitted = plain(this.#admission.admit(resource.plural, next, old));
    if (isDeepStrictEqual(admitted, old)) return structuredClone(old) as T;
    const respecified = old.metadata.generation !== undefined && !isDeepStrictEqual(admitted.spec, old.spec);
    const generation = (old.metadata.generation ?? 0) + 1;
    const metadata = respecified ? { ...admitted.metadata, generation } : admitted.metadata;
    return this.#put(resource.plural, old, { ...admitted, metadata }) as T;
  }

  /** Creates an object; ConflictError when its name is taken. */
  create<T extends KubernetesObject>(resource: Resource<T>, wanted: Stated<T>): T {
    if (this.#kind(resource.plural).has(keyOf(wanted.metadata))) {
      throw new ConflictError(`${resource.kind} ${keyOf(wanted.metadata)} exists already`);
    }
    const stated = plain(wanted);
    const finalizers =
      resource.plural === "persistentvolumeclaims" ? [claimProtection] : stated.metadata.finalizers;
    const metadata: ObjectMeta = {
      name: stated.metadata.name,
      namespace: stated.metadata.namespace,
      uid: randomUUID(),
      resourceVersion: "",
      ...(stated.spec !== undefined && { generation: 1 }),
      creationTimestamp: timestamp(this.#clock.now()),
      ...statedMetadata(stated.metadata),
      ...(finalizers && { finalizers }),
    };
    const candidate: Stored = { ...stated, metadata };
    if (resource.status) delete candidate.status;
    return this.#put(
      resource.plural,
      undefined,
      plain(this.#admission.admit(resource.plural, candidate, undefined)),
    ) as T;
  }

  updateStatus<T extends KubernetesObject>(resource: Resource<T>, object: T): T {
    const old = this.#current(resource, object);
    if (old.metadata.resourceVersion !== object.metadata.resourceVersion) {
      throw new ConflictError(
        `${resource.kind} ${keyOf(old.metadata)} has changed since resourceVersion ${object.metadata.resourceVersion}; read it again`,
      );
    }
    const { status } = plain(object);
    if (isDeepStrictEqual(status, old.status)) return structuredClone(old) as T;
    return this.#put(resource.plural, old, { ...old, status }) as T;
  }

  /** The scheduler's write: sets the pod's node. */
  bind(pod: Pod, node: string): Pod {
    const old = this.#current(pods, pod) as Pod;
    return this.#put(pods.plural, old, { ...old, spec: { ...old.spec, nodeName: node } } as Stored) as Pod;
  }

  setFinalizer<T extends KubernetesObject>(
    resource: Resource<T>,
    object: Pick<T, "metadata">,
    finalizer: string,
    present: boolean,
  ): T | undefined {
    const old = this.#kind(resource.plural).get(keyOf(object.metadata));
    if (old?.metadata.uid !== object.metadata.uid || !old) return undefined;
    const before = old.metadata.finalizers ?? [];
    if (before.includes(finalizer) === present) return structuredClone(old) as T;
    if (present && old.metadata.deletionTimestamp) {
      const cause = {
        field: "metadata.finalizers",
        message: "no new finalizers can be added if the object is being deleted",
      };
      throw new InvalidError(old.kind, keyOf(old.metadata), [cause]);
    }
    const after = present ? [...before, finalizer] : before.filter((other) => other !== finalizer);
    const { finalizers: _, ...rest } = old.metadata;
    const next: Stored = { ...old, metadata: after.length > 0 ? { ...rest, finalizers: after } : rest };
    if (removable(next)) return this.#remove(resource.plural, next);
    return this.#put(resource.plural, old, next) as T;
  }

  /**
   * Deletes by UID. An object with finalizers, and a pod that a node may be running, is only marked; the last
   * finalizer, and the node's own delete of the ended pod, takes it away.
   */
  delete<T extends KubernetesObject>(
    resource: Resource<T>,
    object: Pick<T, "metadata">,
    { graceSeconds }: DeleteOptions = {},
  ): void {
    const old = this.#kind(resource.plural).get(keyOf(object.metadata));
    if (old?.metadata.uid !== object.metadata.uid || !old) return;
    let next = old;
    const grace = graceSeconds ?? (runs(old) ? (old as Pod).spec.terminationGracePeriodSeconds : 0);
    const deletionTimestamp = timestamp(new Date(this.#clock.now().getTime() + grace * 1_000));
    const before = old.metadata.deletionTimestamp;
    const shortens = before !== undefined && graceSeconds !== undefined && deletionTimestamp < before;
    if (shortens) next = { ...old, metadata: { ...old.metadata, deletionTimestamp } };
    if (before === undefined) {
      // The API server counts the first deletion as a change of what is wanted.
      const generation =
        old.metadata.generation === undefined ? {} : { generation: old.metadata.generation + 1 };
      next = { ...old, metadata: { ...old.metadata, ...generation, deletionTimestamp } };
    }
    if (removable(next)) this.#remove(resource.plural, next);
    else if (next !== old) this.#put(resource.plural, old, next);
  }

  watch<T extends KubernetesObject>(
    resource: Resource<T>,
    filter: ListFilter,
    onEvent: (event: WatchEvent<T>) => void,
  ): Watch {
    const queue: (() => void)[] = [];
    let open = true;
    // Events are sent in the order of the writes, but never from inside the write: a handler may write
    // itself.
    const enqueue = (call: () => void) => {
      if (queue.push(call) === 1) queueMicrotask(drain);
    };
    const drain = () => {
      try {
        queue[0]?.();
      } finally {
        queue.shift();
        if (queue.length > 0) queueMicrotask(drain);
      }
    };
    const emit = (event: WatchEvent<Stored>) => enqueue(() => open && onEvent(event as WatchEvent<T>));
    for (const object of this.list(resource, filter)) emit({ type: "ADDED", object });
    const synced = new Promise<void>((resolve) => enqueue(resolve));
    const watcher: Watcher = { filter, emit };
    const watchers = this.#watchers.get(resource.plural) ?? new Set();
    this.#watchers.set(resource.plural, watchers.add(watcher));
    return {
      synced,
      close() {
        open = false;
        watchers.delete(watcher);
      },
    };
  }

  #kind(plural: string): Map<string, Stored> {
    const known = this.#objects.get(plural);
    if (known) return known;
    const made = new Map<string, Stored>();
    this.#objects.set(plural, made);
    return made;
  }

  #current<T extends KubernetesObject>(resource: Resource<T>, object: Pick<T, "metadata">): Stored {
    const key = keyOf(object.metadata);
    const old = this.#kind(resource.plural).get(key);
    if (!old) throw new NotFoundError(`${resource.kind} ${key} is gone`);
    if (old.metadata.uid !== object.metadata.uid) {
      throw new ConflictError(`${resource.kind} ${key} is another object of the same name now`);
    }
    return old;
  }

  #put(plural: string, old: Stored | undefined, next: Stored): Stored {
    const object = { ...next, metadata: { ...next.metadata, resourceVersion: this.#files.nextVersion() } };
    this.#files.write(plural, object);
    this.#kind(plural).set(keyOf(object.metadata), object);
    this.#emit(plural, old, object);
    return structuredClone(object);
  }

  /** Takes the object away; there is nothing to return, as for a reader that comes later. */
  #remove(plural: string, last: Stored): undefined {
    const object = { ...last, metadata: { ...last.metadata, resourceVersion: this.#files.nextVersion() } };
    this.#files.remove(plural, object);
    this.#kind(plural).delete(keyOf(object.metadata));
    this.#emit(plural, last, object, true);
  }

  /** A change of labels can bring an object into a watcher's view or take it out. */
  #emit(plural: string, old: Stored | undefined, object: Stored, gone = false): void {
    for (const { filter, emit } of this.#watchers.get(plural) ?? []) {
      const [before, after] = [old !== undefined && matches(old, filter), !gone && matches(object, filter)];
      if (!before && !after) continue;
      const type = before ? (after ? "MODIFIED" : "DELETED") : "ADDED";
      emit({ type, object: structuredClone(object) });
    }
  }
}

/** Whether the object carries all these labels. */
export function carries(object: KubernetesObject, labels: Record<string, string>): boolean {
  return Object.entries(labels).every(([key, value]) => object.metadata.labels?.[key] === value);
}

export function matches(
  object: KubernetesObject,
  { namespace, labels = {}, fields = {} }: ListSelection,
): boolean {
  const isThere = namespace === undefined || object.metadata.namespace === namespace;
  return (
    isThere &&
    carries(object, labels) &&
    Object.entries(fields).every(([path, value]) => at(object, path) === value)
  );
}

/** What stands at a path such as `regarding.uid`. */
function at(object: object, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], object);
}

/** JSON merge patch (RFC 7396). */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === "object" && target !== null && !Array.isArray(target) ? target : {};
  const fields = new Map<string, unknown>(Object.entries(base));
  for (const [name, value] of Object.entries(patch))
    if (value === null) fields.delete(name);
    else fields.set(name, merged(fields.get(name), value));
  return Object.fromEntries(fields);
}

/** As JSON has it: no undefined fields, nothing shared with the caller. */
function plain(object: object): Stored {
  return JSON.parse(JSON.stringify(object));
}

function statedMetadata({ labels, annotations, ownerReferences }: ObjectMeta): Partial<ObjectMeta> {
  return {
    ...(labels && Object.keys(labels).length > 0 && { labels }),
    ...(annotations && Object.keys(annotations).length > 0 && { annotations }),
    ...(ownerReferences && ownerReferences.length > 0 && { ownerReferences }),
  };
}

function nodeName({ spec }: Pod): { nodeName?: string } {
  return spec.nodeName === undefined ? {} : { nodeName: spec.nodeName };
}

/** Whether this is a pod whose process a node may have started and not yet seen the end of. */
function runs(object: Stored): boolean {
  if (object.kind !== "Pod") return false;
  const { spec, status } = object as Pod;
  return spec.nodeName !== undefined && status?.phase !== "Succeeded" && status?.phase !== "Failed";
}

function removable(object: Stored): boolean {
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  return deletionTimestamp !== undefined && finalizers.length === 0 && !runs(object);
}
