/**
 * How a reconcile ended. The controller is the only place that switches on it. A thrown error is no outcome:
 * it is transient and tried again with backoff.
 */
export type Outcome =
  /** Nothing to do until something changes. */
  | { kind: "done" }
  /** Look again after a named time, though all is well. */
  | { kind: "again"; afterSeconds: number }
  /**
   * Something outside must happen first; a change of it wakes the object, the time is for what cannot be
   * watched.
   */
  | { kind: "waiting"; reason: string; message: string; afterSeconds: number }
  /** Only a person can mend it: not tried again until the object or what it refers to changes. */
  | { kind: "stalled"; reason: string; message: string };

export const done: Outcome = { kind: "done" };

export const again = (afterSeconds: number): Outcome => ({ kind: "again", afterSeconds });

/** For what no watch tells of. */
export const lookAgainSeconds = 30;
