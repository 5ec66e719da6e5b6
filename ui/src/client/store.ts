import { signal } from "@preact/signals";
import { type AnyObject, keyOfObject } from "../objects/objects.ts";

/** What the page knows of the cluster, and whether that is still being told. */

export type Connection =
  | { state: "connecting" }
  | { state: "live" }
  /** Objects are shown as they were; the page tries again by itself. */
  | { state: "offline"; message: string }
  /** Only another token helps. */
  | { state: "refused"; message: string }
  | { state: "report"; made: string };

export type Objects = ReadonlyMap<string, AnyObject>;

export type Change = { type: "ADDED" | "MODIFIED" | "DELETED"; object: AnyObject };

export class Store {
  readonly objects = signal<Objects>(new Map());
  readonly connection = signal<Connection>({ state: "connecting" });
  /** Whether the present state has been told whole once. */
  readonly synced = signal(false);
  /** Kinds that the viewer may not read, with the server's sentence. */
  readonly problems = signal<readonly string[]>([]);

  #pending: Change[] = [];
  #scheduled = false;

  readonly #schedule: (flush: () => void) => void;

  /** `schedule` bundles what comes in a burst into one drawing. */
  constructor(schedule: (flush: () => void) => void) {
    this.#schedule = schedule;
  }

  replace(objects: Iterable<AnyObject>): void {
    this.#pending = [];
    this.objects.value = new Map([...objects].map((object) => [keyOfObject(object), object]));
    this.synced.value = true;
  }

  change(change: Change): void {
    this.#pending.push(change);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => this.flush());
  }

  flush(): void {
    this.#scheduled = false;
    if (this.#pending.length === 0) return;
    const next = new Map(this.objects.value);
    for (const { type, object } of this.#pending) {
      if (type === "DELETED") next.delete(keyOfObject(object));
      else next.set(keyOfObject(object), object);
    }
    this.#pending = [];
    this.objects.value = next;
  }
}
