import { jobs, pods } from "../../resource.ts";
import type { Store } from "../apiserver/store.ts";
import { byName, Controller, type ControllerContext, controllerOf, on, ownerOfKind } from "../controller.ts";
import { decide } from "./job-decision.ts";
import { podOfIndex, trackingFinalizer } from "./job-pods.ts";

/** Runs Indexed Jobs as kube-controller-manager does; what to do is decided in job-decision. */
export function runJobs(context: ControllerContext): Controller {
  const { store, clock } = context;
  const syncJob = byName((namespace, name) => sync(store, namespace, name, clock.now()));
  return new Controller(context, syncJob, [on(jobs), on(pods, ownerOfKind("Job"))]);
}

/**
 * The order makes a crash between any two writes harmless: pods exist before status counts them, failures are
 * recorded by UID before the finalizer that keeps their pod comes off, and are counted only after.
 */
function sync(store: Store, namespace: string, name: string, now: Date): number | undefined {
  const job = store.get(jobs, namespace, name);
  const siblings = store.list(pods, { namespace }).filter((pod) => controllerOf(pod, "Job")?.name === name);
  const owned = siblings.filter((pod) => controllerOf(pod, "Job")?.uid === job?.metadata.uid);
  // Nobody will count the pods of a Job that is gone.
  for (const pod of siblings)
    if (!owned.includes(pod)) store.setFinalizer(pods, pod, trackingFinalizer, false);
  if (!job || job.metadata.deletionTimestamp) return undefined;

  const decision = decide(job, owned, now);
  for (const pod of decision.withdraw) {
    store.setFinalizer(pods, pod, trackingFinalizer, false);
    store.delete(pods, pod);
  }
  for (const pod of decision.terminate) store.delete(pods, pod);
  for (const { index, failures } of decision.create) store.create(pods, podOfIndex(job, index, failures));
  store.updateStatus(jobs, { ...job, status: decision.status });
  for (const pod of decision.recorded) store.setFinalizer(pods, pod, trackingFinalizer, false);
  return decision.recorded.length > 0 ? 0 : decision.again;
}
