import type { KubernetesObject } from "../../../operator/cluster/objects.ts";
import type { Resource } from "../../../operator/cluster/resource.ts";

export interface Task extends KubernetesObject {
  apiVersion: "bench.tanren.dev/v1";
  kind: "Task";
  spec: { command: string[]; parallelism: number };
  status?: {
    observedGeneration: number;
    jobName: string;
    phase: "Pending" | "Suspended" | "Running" | "Succeeded" | "Failed";
  };
}

export const tasks: Resource<Task> = {
  apiVersion: "bench.tanren.dev/v1",
  kind: "Task",
  plural: "tasks",
  status: true,
};

/** A Job as far as this operator states and reads it; its pods are never made. */
export interface TaskJob extends KubernetesObject {
  apiVersion: "batch/v1";
  kind: "Job";
  spec: {
    suspend: true;
    completionMode: "Indexed";
    completions: number;
    parallelism: number;
    backoffLimit: number;
    template: {
      spec: { restartPolicy: "Never"; containers: { name: string; image: string; command: string[] }[] };
    };
  };
  status?: { active?: number; conditions?: { type: string; status: string }[] };
}

export const jobs: Resource<TaskJob> = { apiVersion: "batch/v1", kind: "Job", plural: "jobs", status: true };
