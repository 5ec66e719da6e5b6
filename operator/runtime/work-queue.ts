import type { Cancel, Clock } from "../clock/clock.ts";

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

/**
 * Keys that want work, after client-go's work queue. Invariants:
 * - a key is handed out to one worker at a time; keys are independent of each other;
 * - a key added while it waits is handed out once; added while it is worked on, once more afterwards;
 * - urgent keys are handed out before all others, whenever they were added; among equals the oldest add comes
 *   first;
 * - of several delayed adds of a key the earliest counts, and handing the key out meanwhile does not cancel
 *   it.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /**
   * Keys that want work, with the time of the first add; insertion order is the order of work. No key is in
   * both.
   */
  readonly #urgent = new Map<string, number>();
  readonly #waiting = new Map<string, number>();
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
    if (this.#stopped || this.#urgent.has(key)) return;
    const since = this.#waiting.get(key);
    const dirty = this.#dirty.get(key);
    if (since === undefined && dirty === undefined) this.#options.observer?.added();
    if (this.#working.has(key)) this.#dirty.set(key, urgent || dirty === true);
    else if (since === undefined) this.#push(key, urgent);
    else if (urgent) {
      this.#waiting.delete(key);
      this.#urgent.set(key, since);
    }
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
    const [key] = this.#urgent.size > 0 ? this.#urgent.keys() : this.#waiting.keys();
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
    this.#waiting.clear();
    this.#dirty.clear();
    for (const resolve of this.#takers.splice(0)) resolve(undefined);
  }

  #push(key: string, urgent: boolean): void {
    (urgent ? this.#urgent : this.#waiting).set(key, this.#now());
    const taker = this.#takers.shift();
    if (taker === undefined) this.#options.observer?.depth(this.#depth);
    else taker(this.#start(key));
  }

  #start(key: string): string {
    const queued = this.#urgent.get(key) ?? this.#waiting.get(key) ?? this.#now();
    this.#urgent.delete(key);
    this.#waiting.delete(key);
    this.#working.set(key, this.#now());
    this.#options.observer?.depth(this.#depth);
    this.#options.observer?.started((this.#now() - queued) / 1000);
    return key;
  }

  get #depth(): number {
    return this.#urgent.size + this.#waiting.size;
  }

  #now(): number {
    return this.#options.clock.now().getTime();
  }
}
