import { quantityValue } from "../../quantity.ts";
import { pods } from "../../resource.ts";
import { Controller, type ControllerContext } from "../controller.ts";
import { currentAttempt } from "./pod-directory.ts";
import { readGroups } from "./process-table.ts";

const periodMilliseconds = 1_000;

/**
 * Looks every second at the memory of each pod's processes and kills those of a pod over its limit, as the
 * kernel would.
 */
export function enforceMemoryLimits(context: ControllerContext, stateDirectory: string): Controller {
  const { store } = context;
  const controller = new Controller(context, () => {
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
  controller.mark("all");
  return controller;
}
