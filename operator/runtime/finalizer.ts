import type { KubernetesObject } from "../cluster/objects.ts";
import type { Cluster } from "../cluster/port.ts";
import type { Resource } from "../cluster/resource.ts";
import { done, type Outcome } from "./outcome.ts";

export interface Protocol {
  /** Runs only while the finalizer is on the object and nobody has asked for its deletion. */
  reconcile(): Promise<Outcome>;
  /** Runs once deletion was asked for, as often as it takes; `done` lets the object go. */
  cleanUp(): Promise<Outcome>;
}

/**
 * The finalizer protocol, in the four cases of kube-rs: (has the finalizer?) x (is being deleted?).
 * Guarantee: if `reconcile` ever ran, `cleanUp` ends well before the object is gone.
 */
export async function withFinalizer<T extends KubernetesObject>(
  cluster: Cluster,
  resource: Resource<T>,
  object: T,
  finalizer: string,
  protocol: Protocol,
): Promise<Outcome> {
  const present = object.metadata.finalizers?.includes(finalizer) ?? false;
  const deleting = object.metadata.deletionTimestamp !== undefined;
  if (!present) {
    // Our own write wakes the object again.
    if (!deleting) await cluster.setFinalizer(resource, object, finalizer, true);
    return done;
  }
  if (!deleting) return protocol.reconcile();
  const outcome = await protocol.cleanUp();
  if (outcome.kind === "done") await cluster.setFinalizer(resource, object, finalizer, false);
  return outcome;
}
