import { get } from "node:http";
import type { Clock } from "../../../clock/clock.ts";
import type { Probe } from "../../objects.ts";

const timeoutMilliseconds = 1_000;

/**
 * Asks a pod how it is, period by period. Tells success at once and failure only after failureThreshold in a
 * row.
 */
export function startProbe(
  probe: Probe,
  address: string,
  clock: Clock,
  onResult: (healthy: boolean) => void,
): { stop(): void } {
  const { path, port } = probe.httpGet;
  let failures = 0;
  let stopped = false;
  let cancel = clock.after((probe.initialDelaySeconds ?? 0) * 1_000, ask);
  function ask(): void {
    let settled = false;
    const settle = (healthy: boolean) => {
      if (stopped || settled) return;
      settled = true;
      failures = healthy ? 0 : failures + 1;
      cancel = clock.after((probe.periodSeconds ?? 10) * 1_000, ask);
      if (healthy || failures >= (probe.failureThreshold ?? 3)) onResult(healthy);
    };
    const request = get(
      { host: address, port, path, timeout: timeoutMilliseconds, agent: false },
      (response) => {
        response.resume();
        const code = response.statusCode ?? 0;
        settle(code >= 200 && code < 400);
      },
    );
    request.on("timeout", () => request.destroy());
    request.on("close", () => settle(false));
    request.on("error", () => settle(false));
  }
  return {
    stop() {
      stopped = true;
      cancel();
    },
  };
}
