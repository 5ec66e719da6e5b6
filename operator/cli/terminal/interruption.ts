/**
 * Ctrl-C as people mean it: once to shut down in order, twice to stop now. SIGTERM and SIGHUP count as well.
 */
export interface Interruption {
  readonly signal: AbortSignal;
  /** Gives the signals back to the process. */
  release(): void;
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** `again` is called at the second signal and every later one. */
export function onInterruption(again: () => void): Interruption {
  const abort = new AbortController();
  const onSignal = () => {
    if (abort.signal.aborted) again();
    else abort.abort();
  };
  for (const signal of signals) process.on(signal, onSignal);
  return {
    signal: abort.signal,
    release() {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
