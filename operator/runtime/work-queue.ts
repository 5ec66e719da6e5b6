import type { Cancel, Clock } from "../clock/clock.ts";
import { FairQueue } from "../cluster/fair-queue.ts";

/** Told of what the queue does; the metrics implement it. */
export interface QueueObserver {
  added(): void;
  depth(waiting: number): void;
  retried(): void;
  started(queuedSeconds: number): void;
  finished(workSeconds: number): void;
}

export interface WorkQueueOptions {
  clock: Clock;
  /** From 0 to 1, for jitter. */
  random: () => number;
  observer?: QueueObserver;
}

const firstBackoff = 5;
const longestBackoff = 60_000;
/** While both kinds wait, one key in so many is not urgent: a long burst does not stop what is under way. */
const urgentInRow = 3;

/**
 * Keys (`namespace/name`) that want work, after client-go's work queue. Invariants:
 * - a key is handed out to one worker at a time; keys are independent of each other;
 * - a key added while it waits is handed out once; added while it is worked on, once more afterwards;
 * - three urgent keys are handed out for each that is not, whenever they were added;
 * - among equals namespaces take turns, and within a namespace the oldest add comes first: what waits for its
 *   namespace's turn waits for at most one key of every other;
 * - of several delayed adds of a key the earliest counts, and handing the key out meanwhile does not cancel
 *   it.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** Keys that want work; no key is in both. */
  readonly #urgent = new FairQueue<string>();
  readonly #patient = new FairQueue<string>();
  /** When a key that wants work was first added. */
  readonly #addedAt = new Map<string, number>();
  /** Urgent keys handed out in a row while others waited. */
  #inRow = 0;
  /** Keys being worked on, with the time the work began. */
  readonly #working = new Map<string, number>();
  /** Keys added while being worked on, and whether one of the adds was urgent. */
  readonly #dirty = new Map<string, boolean>();
  readonly #delayed = new Map<string, { at: number; cancel: Cancel }>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #stopped = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  add(key: string, { urgent = false } = {}): void {
    if (this.#stopped) return;
    const dirty = this.#dirty.get(key);
    const waits = this.#addedAt.has(key);
    if (!waits && dirty === undefined) this.#options.observer?.added();
    if (this.#working.has(key)) this.#dirty.set(key, urgent || dirty === true);
    else if (!waits) this.#push(key, urgent);
    else if (urgent && this.#patient.remove(namespaceOf(key), key)) this.#urgent.push(namespaceOf(key), key);
  }

  addAfter(key: string, milliseconds: number): void {
    if (this.#stopped) return;
    if (milliseconds <= 0) {
      this.add(key);
      return;
    }
    const at = this.#now() + milliseconds;
    const planned = this.#delayed.get(key);
    if (planned !== undefined && planned.at <= at) return;
    planned?.cancel();
    const cancel = this.#options.clock.after(milliseconds, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { at, cancel });
  }

  /** Adds the key again after its backoff: 5 ms doubling to 1 min, of which the upper half is random. */
  addRateLimited(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#options.observer?.retried();
    const ceiling = Math.min(firstBackoff * 2 ** failures, longestBackoff);
    this.addAfter(key, (ceiling * (1 + this.#options.random())) / 2);
  }

  /** Clears the key's backoff. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /**
   * The next key, when there is one; undefined once the queue has stopped. Every key taken must be given back
   * by `done`.
   */
  take(): Promise<string | undefined> {
    if (this.#stopped) return Promise.resolve(undefined);
    const key = this.#next();
    if (key !== undefined) return Promise.resolve(this.#start(key));
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    const began = this.#working.get(key);
    if (began === undefined) throw new Error(`key ${key} is not being worked on`);
    this.#working.delete(key);
    this.#options.observer?.finished((this.#now() - began) / 1000);
    const urgent = this.#dirty.get(key);
    if (urgent === undefined || this.#stopped) return;
    this.#dirty.delete(key);
    this.#push(key, urgent);
  }

  /** Hands out nothing more; keys being worked on may still be given back. */
  stop(): void {
    this.#stopped = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#urgent.clear();
    this.#patient.clear();
    this.#addedAt.clear();
    this.#dirty.clear();
    for (const resolve of this.#takers.splice(0)) resolve(undefined);
  }

  #push(key: string, urgent: boolean): void {
    (urgent ? this.#urgent : this.#patient).push(namespaceOf(key), key);
    this.#addedAt.set(key, this.#now());
    const taker = this.#takers.shift();
    const next = taker && this.#next();
    if (taker === undefined || next === undefined) this.#options.observer?.depth(this.#addedAt.size);
    else taker(this.#start(next));
  }

  #next(): string | undefined {
    const passedOver = this.#patient.size > 0 && this.#urgent.size > 0 && this.#inRow < urgentInRow;
    this.#inRow = passedOver ? this.#inRow + 1 : 0;
    return passedOver || this.#patient.size === 0 ? this.#urgent.shift() : this.#patient.shift();
  }

  #start(key: string): string {
    const queued = this.#addedAt.get(key) ?? this.#now();
    this.#addedAt.delete(key);
    this.#working.set(key, this.#now());
    this.#options.observer?.depth(this.#addedAt.size);
    this.#options.observer?.started((this.#now() - queued) / 1000);
    return key;
  }

  #now(): number {
    return this.#options.clock.now().getTime();
  }
}

/** Keys without a namespace are one namespace's. */
const namespaceOf = (key: string) => key.slice(0, Math.max(0, key.indexOf("/")));
