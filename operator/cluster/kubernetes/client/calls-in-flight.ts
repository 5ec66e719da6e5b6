import type { Cancel, Clock } from "../../../clock/clock.ts";
import { FairQueue } from "../../fair-queue.ts";
import { adapted, type CallLimit, initialLimit } from "./call-limit.ts";

/** For metrics. */
export interface CallsHealth {
  inFlight: number;
  /** Calls that may be in flight. */
  limit: number;
  waiting: number;
}

/** How a call ended. */
export interface CallEnd {
  /** The server refused it for overload, or did not answer. */
  refused: boolean;
  /** The server asks for so much time before the next call. */
  retryAfterSeconds?: number;
  /** Its time tells nothing of the server's load: a list is as long as what it lists. */
  isList: boolean;
}

/**
 * The one gate of all calls to an API server that are no streams. Invariants: no more are in flight than the
 * limit says; none begins before the time that the server asked for has passed; namespaces take turns, and
 * within one the first to come is the first to go.
 */
export class CallsInFlight {
  readonly #clock: Clock;
  /** Milliseconds on a clock that nobody sets. */
  readonly #now: () => number;
  readonly #waiting = new FairQueue<() => void>();
  #limit: CallLimit = initialLimit;
  #inFlight = 0;
  /** No call begins before. */
  #heldUntil = Number.NEGATIVE_INFINITY;
  #cancelHold: Cancel | undefined;

  constructor(clock: Clock, monotonic: () => number) {
    this.#clock = clock;
    this.#now = monotonic;
  }

  health(): CallsHealth {
    return {
      inFlight: this.#inFlight,
      limit: Math.floor(this.#limit.calls),
      waiting: this.#waiting.size,
    };
  }

  /** Resolves when the call may begin, with what is to be called once it has ended; rejects when it aborts. */
  async enter(namespace: string, signal?: AbortSignal): Promise<(end: CallEnd) => void> {
    signal?.throwIfAborted();
    const turn = this.#turn(namespace, signal);
    this.#beginNext();
    await turn;
    const [sentAt, inFlight] = [this.#now(), this.#inFlight];
    return ({ refused, retryAfterSeconds, isList }) => {
      const at = this.#now();
      this.#inFlight--;
      if (refused || !isList) this.#limit = adapted(this.#limit, { sentAt, at, refused, inFlight });
      if (retryAfterSeconds !== undefined) this.#hold(at + retryAfterSeconds * 1000);
      this.#beginNext();
    };
  }

  #turn(namespace: string, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiting.remove(namespace, begin);
        reject(signal?.reason);
      };
      const begin = () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.push(namespace, begin);
    });
  }

  /** Whoever is let through counts at once, so that no other takes the place before it has gone on. */
  #beginNext(): void {
    while (this.#inFlight < Math.floor(this.#limit.calls) && this.#now() >= this.#heldUntil) {
      const begin = this.#waiting.shift();
      if (begin === undefined) return;
      this.#inFlight++;
      begin();
    }
  }

  #hold(until: number): void {
    if (until <= this.#heldUntil) return;
    this.#heldUntil = until;
    this.#planRelease();
  }

  #planRelease(): void {
    this.#cancelHold?.();
    this.#cancelHold = this.#clock.after(Math.max(1, this.#heldUntil - this.#now()), () => {
      // Timers may fire a little early.
      if (this.#now() < this.#heldUntil) this.#planRelease();
      else this.#beginNext();
    });
  }
}
