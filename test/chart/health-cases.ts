import { inferenceDeployment, pretrainRun } from "../../operator/api/kinds.ts";
import type { Reason } from "../../operator/api/reasons.ts";
import { type RootState, setRootCondition } from "../../operator/cluster/conditions.ts";
import { rootState } from "../../operator/engine/reconcile-result.ts";

/** Objects as the operator leaves them, and how Argo CD and Flux are to take them. */

const now = new Date("2026-01-01T00:00:00Z");

export function objectIn(state: RootState | undefined, observedGeneration = 2) {
  const conditions = state && setRootCondition([], state, { now, generation: observedGeneration });
  return {
    metadata: { name: "one", generation: 2 },
    ...(conditions && { status: { observedGeneration, conditions } }),
  };
}

const run = (reason: Reason) => rootState("Succeeded", { reason, message: "as it is" });
const endpoint = (reason: Reason, answers = false) =>
  rootState("Ready", { reason, message: "as it is" }, answers);

export const cases = [
  ["run nobody has seen", pretrainRun, objectIn(undefined), "Progressing", "InProgress"],
  ["run changed since", pretrainRun, objectIn(run("Completed"), 1), "Progressing", "InProgress"],
  ["run that waits", pretrainRun, objectIn(run("InputNotReady")), "Progressing", "Current"],
  ["run at work", pretrainRun, objectIn(run("Running")), "Progressing", "Current"],
  ["suspended run", pretrainRun, objectIn(run("Suspended")), "Suspended", "Current"],
  ["run that succeeded", pretrainRun, objectIn(run("Completed")), "Healthy", "Current"],
  ["run that failed", pretrainRun, objectIn(run("RestartsExhausted")), "Degraded", "Failed"],
  ["endpoint nobody has seen", inferenceDeployment, objectIn(undefined), "Progressing", "InProgress"],
  [
    "endpoint rolling out",
    inferenceDeployment,
    objectIn(endpoint("RollingOut")),
    "Progressing",
    "InProgress",
  ],
  ["endpoint that answers", inferenceDeployment, objectIn(endpoint("Available")), "Healthy", "Current"],
  [
    "endpoint scaled to zero",
    inferenceDeployment,
    objectIn(endpoint("ScaledToZero")),
    "Suspended",
    "Current",
  ],
  [
    "endpoint rolling out while the old model answers",
    inferenceDeployment,
    objectIn(endpoint("RollingOut", true)),
    "Progressing",
    "InProgress",
  ],
  [
    "endpoint that failed to roll out while the old model answers",
    inferenceDeployment,
    objectIn(endpoint("RolloutFailed", true)),
    "Degraded",
    "Failed",
  ],
  ["endpoint that failed", inferenceDeployment, objectIn(endpoint("RolloutFailed")), "Degraded", "Failed"],
] as const;
