import { kindKeyOf, type ObjectName } from "../../cluster/object-key.ts";
import { type Event, lastSeen } from "../../cluster/objects.ts";
import type { Cluster, Watch } from "../../cluster/port.ts";
import { events } from "../../cluster/resource.ts";
import { type AnyObject, kinds } from "../kinds.ts";
import type { Observed } from "./phase.ts";

export interface StoreListener {
  onObject(object: AnyObject): void;
  /** A Warning about one of the wanted objects, newer than the store. */
  onWarning(event: Event): void;
}

/**
 * The newest state of the wanted objects, in that order, and of all others in their namespaces; kept by
 * watches.
 */
export class Store {
  readonly #wanted: readonly string[];
  /** References never leave a namespace, so what the wanted objects may wait for is in these. */
  readonly #namespaces: ReadonlySet<string>;
  readonly #listener: StoreListener;
  readonly #now: () => number;
  readonly #objects = new Map<string, { object: AnyObject; changed: number }>();
  readonly #seen = new Set<string>();
  readonly #reported = new Set<string>();
  #watches: Watch[] = [];

  constructor(wanted: readonly ObjectName[], listener: StoreListener, now: () => number) {
    this.#wanted = wanted.map(kindKeyOf);
    this.#namespaces = new Set(wanted.map(({ namespace }) => namespace));
    this.#listener = listener;
    this.#now = now;
  }

  /** Resolves when everything that exists is known. */
  async open(cluster: Cluster): Promise<void> {
    const since = this.#now();
    this.#watches = [...this.#namespaces].flatMap((namespace) => [
      ...kinds.map((kind) =>
        cluster.watch(kind.resource, { namespace }, ({ type, object }) => this.#onChange(type, object)),
      ),
      cluster.watch(events, { namespace }, ({ type, object }) => {
        if (type !== "DELETED" && Date.parse(lastSeen(object)) >= since) this.#onEvent(object);
      }),
    ]);
    await Promise.all(this.#watches.map((watch) => watch.synced));
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
  }

  /** Those of the wanted objects that exist. */
  get objects(): AnyObject[] {
    return this.#wanted.flatMap((key) => this.#objects.get(key)?.object ?? []);
  }

  /** Whether every wanted object has been seen, including those deleted since. */
  get complete(): boolean {
    return this.#wanted.every((key) => this.#seen.has(key));
  }

  /** All objects, the wanted first and in their order, and how long each has not changed. */
  observed(): Observed[] {
    const now = this.#now();
    const others = [...this.#objects.keys()].filter((key) => !this.#wanted.includes(key));
    const entries = [...this.#wanted, ...others].flatMap((key) => this.#objects.get(key) ?? []);
    return entries.map(({ object, changed }) => ({
      object,
      secondsUnchanged: (now - changed) / 1000,
    }));
  }

  #onChange(type: "ADDED" | "MODIFIED" | "DELETED", object: AnyObject): void {
    const key = kindKeyOf({ kind: object.kind, ...object.metadata });
    this.#seen.add(key);
    if (type === "DELETED") this.#objects.delete(key);
    else this.#objects.set(key, { object, changed: this.#now() });
    if (type !== "DELETED" && this.#wanted.includes(key)) this.#listener.onObject(object);
  }

  #onEvent(event: Event): void {
    if (
      event.type !== "Warning" ||
      !this.#wanted.includes(kindKeyOf(event.regarding)) ||
      this.#reported.has(event.metadata.uid)
    )
      return;
    this.#reported.add(event.metadata.uid);
    this.#listener.onWarning(event);
  }
}
