/**
 * Time as the operator sees it. Everything that waits or stamps takes it from here, so that tests decide what
 * time it is.
 */
export interface Clock {
  now(): Date;
  /** Calls `action` once, `milliseconds` from now, unless cancelled before. */
  after(milliseconds: number, action: () => void): Cancel;
}

export type Cancel = () => void;

/** setTimeout's longest delay; longer waits end early and are asked for again. */
const longestTimer = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => new Date(),
  after(milliseconds, action) {
    const timer = setTimeout(action, Math.min(milliseconds, longestTimer));
    return () => clearTimeout(timer);
  },
};

/** RFC 3339 in whole seconds, as metav1.Time is. */
export function timestamp(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with six digits, as metav1.MicroTime is. */
export function microTimestamp(time: Date): string {
  return `${time.toISOString().slice(0, 23)}000Z`;
}
