import type { Cancel, Clock } from "../clock/clock.ts";

/** A clock that stands still until it is told to go on. For tests. */
export class FakeClock implements Clock {
  #now: number;
  readonly #timers = new Set<{ at: number; action: () => void }>();

  constructor(start = "2026-01-01T00:00:00Z") {
    this.#now = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#now);
  }

  after(milliseconds: number, action: () => void): Cancel {
    const timer = { at: this.#now + milliseconds, action };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Runs the timers that fall due, in order of time, each at its own time. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (let next = this.#earliest(end); next !== undefined; next = this.#earliest(end)) {
      this.#timers.delete(next);
      this.#now = next.at;
      next.action();
    }
    this.#now = end;
  }

  #earliest(end: number) {
    let found: { at: number; action: () => void } | undefined;
    for (const timer of this.#timers)
      if (timer.at <= end && (found === undefined || timer.at < found.at)) found = timer;
    return found;
  }
}
