import { inferenceDeployment, pretrainRun } from "../../operator/api/kinds.ts";
import { type RootState, setRootCondition } from "../../operator/cluster/conditions.ts";
import { root } from "../../operator/runs/run-status.ts";

/** Objects as the operator leaves them, and how Argo CD and Flux are to take them. */

const now = new Date("2026-01-01T00:00:00Z");

export function objectIn(state: RootState | undefined, observedGeneration = 2) {
  const conditions = state && setRootCondition([], state, { now, generation: observedGeneration });
  return {
    metadata: { name: "one", generation: 2 },
    ...(conditions && { status: { observedGeneration, conditions } }),
  };
}

const living = (status: "True" | "False", reason: string, stalled = false): RootState => ({
  type: "Ready",
  status,
  reason,
  message: "as it is",
  stalled,
});

export const cases = [
  ["run nobody has seen", pretrainRun, objectIn(undefined), "Progressing", "InProgress"],
  ["run changed since", pretrainRun, objectIn(root.succeeded("done"), 1), "Progressing", "InProgress"],
  [
    "run that waits",
    pretrainRun,
    objectIn(root.open("InputNotReady", "web has no artifact yet")),
    "Progressing",
    "Current",
  ],
  ["run at work", pretrainRun, objectIn(root.open("Running", "at work")), "Progressing", "Current"],
  ["suspended run", pretrainRun, objectIn(root.open("Suspended", "spec.suspend is true")), "Suspended", "Current"],
  ["run that succeeded", pretrainRun, objectIn(root.succeeded("done")), "Healthy", "Current"],
  [
    "run that failed",
    pretrainRun,
    objectIn(root.refused("RestartsExhausted", "no restart left")),
    "Degraded",
    "Failed",
  ],
  ["endpoint nobody has seen", inferenceDeployment, objectIn(undefined), "Progressing", "InProgress"],
  ["endpoint rolling out", inferenceDeployment, objectIn(living("False", "RollingOut")), "Progressing", "InProgress"],
  ["endpoint that answers", inferenceDeployment, objectIn(living("True", "Available")), "Healthy", "Current"],
  ["endpoint scaled to zero", inferenceDeployment, objectIn(living("True", "ScaledToZero")), "Suspended", "Current"],
  ["endpoint that failed", inferenceDeployment, objectIn(living("False", "RolloutFailed", true)), "Degraded", "Failed"],
] as const;
