import { isDeepStrictEqual } from "node:util";
import type { KubernetesObject, Wanted } from "../../../operator/cluster/objects.ts";
import type { Cluster } from "../../../operator/cluster/port.ts";
import type { Reconciler, Request } from "../../../operator/runtime/controller.ts";
import { done } from "../../../operator/runtime/outcome.ts";
import { jobs, type Task, type TaskJob, tasks } from "./task.ts";

/** On every Job: the cache holds no others. */
export const managedBy = { "app.kubernetes.io/managed-by": "task-operator" };
/** On every Job, with its Task's name: the cache finds it by that. */
export const taskLabel = "bench.tanren.dev/task";

export function reconcileTasks(cluster: Cluster): Reconciler {
  return {
    async reconcile({ namespace, name }) {
      const task = await cluster.get(tasks, namespace, name);
      if (task === undefined || task.metadata.deletionTimestamp !== undefined) return done;
      let [job] = await cluster.list(jobs, { namespace, labels: { [taskLabel]: name } });
      if (job?.spec.parallelism !== task.spec.parallelism) job = await cluster.apply(jobs, wantedJob(task));
      const status = {
        observedGeneration: task.metadata.generation ?? 0,
        jobName: name,
        phase: phaseOf(job),
      };
      if (!isDeepStrictEqual(task.status, status)) await cluster.updateStatus(tasks, { ...task, status });
      return done;
    },
  };
}

/** The Task a Job was made for. */
export function ownerOf({ metadata }: KubernetesObject): Request | undefined {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  return owner?.kind === "Task" ? { namespace: metadata.namespace, name: owner.name } : undefined;
}

function wantedJob({ apiVersion, kind, metadata, spec }: Task): Wanted<TaskJob> {
  const { namespace, name, uid } = metadata;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name,
      namespace,
      labels: { ...managedBy, [taskLabel]: name },
      ownerReferences: [{ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }],
    },
    spec: {
      suspend: true,
      completionMode: "Indexed",
      completions: spec.parallelism,
      parallelism: spec.parallelism,
      backoffLimit: 0,
      template: {
        spec: {
          restartPolicy: "Never",
          containers: [{ name: "task", image: "tanren.dev/none:0", command: spec.command }],
        },
      },
    },
  };
}

function phaseOf({ status }: TaskJob): NonNullable<Task["status"]>["phase"] {
  const holds = (type: string) =>
    status?.conditions?.some((condition) => condition.type === type && condition.status === "True");
  if (holds("Complete")) return "Succeeded";
  if (holds("Failed")) return "Failed";
  if (holds("Suspended")) return "Suspended";
  return (status?.active ?? 0) > 0 ? "Running" : "Pending";
}
