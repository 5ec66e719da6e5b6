import type { Clock } from "../../clock/clock.ts";

/**
 * A controller's work loop: each marked key is synced once, however often it was marked, and again after the
 * delay that the sync asks for. Sync is synchronous, so no two ever overlap. One that throws is reported and
 * repeated.
 */
export class Loop {
  readonly #due = new Map<string, { at: number; cancel: () => void }>();
  readonly #sync: (key: string) => number | undefined;
  readonly #clock: Clock;
  readonly #report: (error: unknown) => void;
  #stopped = false;

  constructor(clock: Clock, report: (error: unknown) => void, sync: (key: string) => number | undefined) {
    this.#clock = clock;
    this.#report = report;
    this.#sync = sync;
  }

  /** Syncs the key after so many milliseconds, or earlier where that is due already. */
  mark(key: string, afterMilliseconds = 0): void {
    if (this.#stopped) return;
    const at = this.#clock.now().getTime() + afterMilliseconds;
    const due = this.#due.get(key);
    if (due && due.at <= at) return;
    due?.cancel();
    this.#due.set(key, { at, cancel: this.#clock.after(afterMilliseconds, () => this.#run(key)) });
  }

  stop(): void {
    this.#stopped = true;
    for (const due of this.#due.values()) due.cancel();
    this.#due.clear();
  }

  #run(key: string): void {
    this.#due.delete(key);
    try {
      const again = this.#sync(key);
      if (again !== undefined) this.mark(key, again);
    } catch (error) {
      this.#report(error);
      this.mark(key, 1_000);
    }
  }
}
