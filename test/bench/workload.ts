import { samples } from "../../operator/testing/samples.ts";
import { type Call, isCreated } from "./audit-log.ts";

/** What a candidate is given to reconcile. */
export interface Workload {
  apiVersion: string;
  kind: string;
  plural: string;
  spec: unknown;
  /** Whether every field of an object is as it must be in the end. */
  isConverged(object: { metadata: { name: string; generation: number }; status?: unknown }): boolean;
  /** The call that is waited for from an object's creation on. */
  isFirstEffect(call: Call): boolean;
}

/** Tasks, which are to become suspended Jobs. */
export const tasks: Workload = {
  apiVersion: "bench.tanren.dev/v1",
  kind: "Task",
  plural: "tasks",
  spec: { command: ["sleep", "1"], parallelism: 2 },
  isConverged({ metadata, status }) {
    const { observedGeneration, jobName, phase } = (status ?? {}) as Record<string, unknown>;
    return observedGeneration === metadata.generation && jobName === metadata.name && phase === "Suspended";
  },
  isFirstEffect: (call) => isCreated(call, "jobs"),
};

/** PretrainRuns whose Corpus does not exist. */
export const pretrainRuns: Workload = {
  apiVersion: "tanren.dev/v1alpha1",
  kind: "PretrainRun",
  plural: "pretrainruns",
  spec: samples.PretrainRun,
  isConverged: ({ status }) => succeededReason(status) === "InputNotFound",
  isFirstEffect: ({ resource, verb, code }) =>
    resource === "pretrainruns/status" && verb !== "get" && code === 200,
};

/** Corpora on a claim that is there, whose first Jobs wait in a queue: no pods are made. */
export const queuedCorpora: Workload = {
  apiVersion: "tanren.dev/v1alpha1",
  kind: "Corpus",
  plural: "corpora",
  spec: { ...samples.Corpus, storage: { claimName: "shared" }, compute: { queueName: "training" } },
  isConverged: ({ status }) => succeededReason(status) === "Queued",
  // Status is written once the Job is there.
  isFirstEffect: ({ resource, verb, code }) =>
    resource === "corpora/status" && verb !== "get" && code === 200,
};

function succeededReason(status: unknown): string | undefined {
  const { conditions = [] } = (status ?? {}) as { conditions?: { type: string; reason: string }[] };
  return conditions.find(({ type }) => type === "Succeeded")?.reason;
}
