import type { KubernetesObject } from "../cluster/objects.ts";
import { type Cluster, InvalidError } from "../cluster/port.ts";
import { quantityValue } from "../cluster/quantity.ts";
import type { WantedChild } from "../runs/scope.ts";
import { controllerUid } from "./names.ts";

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

/**
 * Whether everything stated is there already, as the API server keeps it: what is empty it leaves out, and of quantities it has one
 * notation ("0.5" becomes "500m"). What was stated once and is no more is not seen: see `rendering`.
 */
export function covers(existing: unknown, stated: unknown): boolean {
  if (typeof stated !== "object" || stated === null) return existing === stated;
  if (existing === undefined) return Object.keys(stated).length === 0;
  if (typeof existing !== "object" || existing === null) return false;
  if (Array.isArray(stated) && (!Array.isArray(existing) || existing.length !== stated.length)) return false;
  const there = new Map(Object.entries(existing));
  return Object.entries(stated).every(([field, value]) => {
    if (value === undefined) return true;
    const found = there.get(field);
    return field === "requests" || field === "limits" ? coversAmounts(found, value) : covers(found, value);
  });
}

/** Resources by name, compared by what they amount to. */
function coversAmounts(existing: unknown, stated: Record<string, string>): boolean {
  const there = new Map(Object.entries(existing ?? {}));
  return Object.entries(stated).every(([name, amount]) => {
    const found: unknown = there.get(name);
    // 700 times a thousandth is not quite 0.7.
    return typeof found === "string" && Math.abs(quantityValue(found) - quantityValue(amount)) < 1e-6;
  });
}
