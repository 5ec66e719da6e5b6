import type { Clock } from "../../../clock/clock.ts";
import { quantityValue } from "../../quantity.ts";
import { pods } from "../../resource.ts";
import type { Store } from "../apiserver/store.ts";
import { Loop } from "../work-loop.ts";
import { currentAttempt } from "./pod-directory.ts";
import { readGroups } from "./process-table.ts";

const periodMilliseconds = 1_000;

/**
 * Looks every second at the memory of each pod's processes and kills those of a pod over its limit, as the
 * kernel would.
 */
export function enforceMemoryLimits(
  store: Store,
  stateDirectory: string,
  clock: Clock,
  report: (error: unknown) => void,
): { stop(): void } {
  const loop = new Loop(clock, report, () => {
    const limited = store.list(pods).flatMap((pod) => {
      const limit = pod.spec.containers[0]?.resources.limits.memory;
      return limit !== undefined && pod.status?.phase === "Running"
        ? [{ pod, limit: quantityValue(limit) }]
        : [];
    });
    const groups = limited.length > 0 ? readGroups() : new Map();
    for (const { pod, limit } of limited) {
      const attempt = currentAttempt(stateDirectory, pod);
      if (attempt.residentBytes(groups) > limit) attempt.kill("OOMKilled");
    }
    return periodMilliseconds;
  });
  loop.mark("all");
  return loop;
}
