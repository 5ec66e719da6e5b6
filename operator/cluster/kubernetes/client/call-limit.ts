/**
 * How many calls may be in flight at once, as a function of how the API server answers: additive increase,
 * multiplicative decrease (Chiu and Jain, 1989; TCP's slow start at the beginning). What is held to is the
 * time of an answer: as many calls as the server answers within `slowSeconds`. A fixed number would be too
 * many for a small control plane and too few for a large one.
 */

export interface CallLimit {
  /** Calls that may be in flight; its whole part counts. */
  calls: number;
  /** Doubles every round until the first sign of overload. */
  slowStart: boolean;
  /** When it was last lowered: what was sent before then tells nothing of the new limit. */
  loweredAt: number;
}

/** How a call ended; times in milliseconds. */
export interface Answer {
  sentAt: number;
  at: number;
  /** 429, 503, or no answer at all. */
  refused: boolean;
  /** Calls in flight with it, itself included, as it was sent. */
  inFlight: number;
}

/** A lease lives for seconds: its renewal gets its turn while answers take no longer than this. */
const slowSeconds = 1;
const least = 2;
/** More gains nothing beside one event loop: a single process sends what it can with fewer. */
const most = 128;

export const initialLimit: CallLimit = { calls: 8, slowStart: true, loweredAt: Number.NEGATIVE_INFINITY };

export function adapted(limit: CallLimit, { sentAt, at, refused, inFlight }: Answer): CallLimit {
  if (sentAt <= limit.loweredAt) return limit;
  const overloaded = refused || at - sentAt > slowSeconds * 1000;
  if (overloaded) {
    const calls = Math.max(least, limit.calls * (refused ? 0.5 : 0.8));
    return { calls, slowStart: false, loweredAt: at };
  }
  // Who does not use what it may learns nothing of whether more would do.
  if (inFlight < Math.floor(limit.calls) / 2) return limit;
  const calls = Math.min(most, limit.calls + (limit.slowStart ? 1 : 1 / limit.calls));
  return { ...limit, calls };
}
