import type { KubernetesObject } from "../cluster/objects.ts";
import { type Cluster, InvalidError } from "../cluster/port.ts";
import { controllerUid } from "./names.ts";
import type { WantedChild } from "./scope.ts";

/**
 * A child cannot be made. Pending: its name is held by an object of another owner, e.g. one of a namesake that is still being
 * deleted. InvalidSpec: the API server refuses it for something that came from the spec.
 */
export class ChildError extends Error {
  readonly reason: "Pending" | "InvalidSpec";

  constructor(reason: "Pending" | "InvalidSpec", message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Makes a child, or makes it anew where `update` asks for that and it is not so already. Apply alone would not do: it would take
 * an object of another owner for ours.
 */
export async function applyChild(cluster: Cluster, { resource, wanted, mode }: WantedChild): Promise<void> {
  const { namespace, name, ownerReferences } = wanted.metadata;
  const existing = await cluster.get(resource, namespace, name);
  if (existing !== undefined) {
    const ours = ownerReferences?.some(({ uid }) => uid === controllerUid(existing));
    const leaving = existing.metadata.deletionTimestamp !== undefined;
    if (!ours || leaving) throw new ChildError("Pending", takenMessage(existing, leaving));
    if (mode === "create" || covers(existing, wanted)) return;
  }
  try {
    await cluster.apply(resource, wanted);
  } catch (error) {
    if (error instanceof InvalidError) throw new ChildError("InvalidSpec", `the API server refuses ${error.message}`);
    throw error;
  }
}

function takenMessage({ kind, metadata }: KubernetesObject, leaving: boolean): string {
  const owner = metadata.ownerReferences?.find((reference) => reference.controller);
  const whose = leaving
    ? "is still being deleted"
    : `belongs to ${owner ? `${owner.kind} ${owner.name}` : "somebody else"}`;
  return `${kind} ${metadata.name} exists and ${whose}; it must be gone before this can go on`;
}

/** Whether everything stated is there already. What was stated once and is no more is not seen: see `rendering`. */
export function covers(existing: unknown, stated: unknown): boolean {
  if (Array.isArray(stated)) {
    return (
      Array.isArray(existing) &&
      existing.length === stated.length &&
      stated.every((item, at) => covers(existing[at], item))
    );
  }
  if (typeof stated !== "object" || stated === null) return existing === stated;
  if (typeof existing !== "object" || existing === null) return false;
  const there = new Map(Object.entries(existing));
  return Object.entries(stated).every(([field, value]) => value === undefined || covers(there.get(field), value));
}
