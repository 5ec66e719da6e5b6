import type { AnyObject, AnyStatus } from "../cli/kinds.ts";
import type { Condition } from "../cluster/objects.ts";

/** Objects as an operator would leave them, for tests of what is shown. */

export const start = Date.parse("2026-01-01T00:00:00Z");

export const at = (seconds: number): string => new Date(start + seconds * 1000).toISOString();

interface Made {
  status?: AnyStatus;
  spec?: Record<string, unknown>;
  /** Root condition: its status, reason and message. */
  root?: [Condition["status"], string, string?];
}

export function anObject(kind: string, name: string, { status = {}, spec = {}, root }: Made = {}): AnyObject {
  const type = kind === "InferenceDeployment" ? "Ready" : "Succeeded";
  const conditions = root && [
    {
      type,
      status: root[0],
      reason: root[1],
      message: root[2] ?? "",
      lastTransitionTime: at(0),
      observedGeneration: 1,
    },
  ];
  return {
    apiVersion: "tanren.dev/v1alpha1",
    kind,
    metadata: {
      name,
      namespace: "default",
      uid: `${kind}-${name}`,
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: at(0),
    },
    spec,
    status: { ...status, conditions },
  };
}

export const trainingProgress: NonNullable<AnyStatus["progress"]> = {
  stage: "train",
  step: 450,
  total: 1000,
  unit: "step",
  percent: "45%",
  eta: "4m10s",
  metrics: [
    { name: "loss", value: "3.2141" },
    { name: "tokens_per_second", value: "18400" },
  ],
  updateTime: at(95),
};

/** Kubeconfig of a cluster at a port where nobody listens. */
export const unreachable = {
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "c", cluster: { server: "http://127.0.0.1:1" } }],
  users: [{ name: "u", user: {} }],
  contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
  "current-context": "x",
};
