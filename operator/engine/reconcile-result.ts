import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import { isStalled, type Reason, reasonEntry } from "../api/reasons.ts";
import type { Clock } from "../clock/clock.ts";
import type { RootState } from "../cluster/conditions.ts";
import type { KubernetesObject, Wanted } from "../cluster/objects.ts";
import { plainText } from "../cluster/plain-text.ts";
import { type Cluster, ConflictError, ForbiddenError, InvalidError } from "../cluster/port.ts";
import { quantityValue } from "../cluster/quantity.ts";
import { claims, type Resource } from "../cluster/resource.ts";
import { claimNameTaken } from "../kinds/needs.ts";
import type { EventRecorder, NewEvent } from "../runtime/events.ts";
import type { Logger } from "../runtime/logger.ts";
import { again, done, lookAgainSeconds, type Outcome } from "../runtime/outcome.ts";
import { fitStatus } from "./fitting-status.ts";
import { controllerUid, ownedBy } from "./names.ts";

/** What a reconcile decides, and how it is carried out: the same for runs and endpoints. */

export interface WantedChild {
  resource: Resource<KubernetesObject>;
  wanted: Wanted<KubernetesObject>;
  /** create: what exists under the name stays as it is; update: it is made so. */
  mode: "create" | "update";
}

export interface FoundChild {
  resource: Resource<KubernetesObject>;
  object: KubernetesObject;
  /** Of a pod: how long its programs may take to end; absent: as long as its spec says. */
  graceSeconds?: number;
}

/** What the root condition says. Everything else about it follows from the table of reasons. */
export interface Root {
  reason: Reason;
  message: string;
}

/**
 * The one value that every branch of a reconcile returns. Carried out in this order: apply, remove, write
 * status.
 */
export interface ReconcileResult<Status> {
  /** Status without what follows from `root`. */
  status: Status;
  /** Absent: the conditions stay as they are. */
  root?: Root;
  /** Look again after so many seconds even if nothing changes; what waits is looked at again in any case. */
  requeueAfter?: number;
  apply: WantedChild[];
  remove: FoundChild[];
}

export function wanted<T extends KubernetesObject>(
  resource: Resource<T>,
  child: Wanted<T>,
  mode: WantedChild["mode"],
): WantedChild {
  return { resource, wanted: child, mode };
}

export function found<T extends KubernetesObject>(resource: Resource<T>, object: T): FoundChild {
  return { resource, object };
}

/** Of a condition: whatever is quoted in it, the sentence stays one that people read. */
const longestMessage = 4096;

/**
 * The root condition: Succeeded is open until the end is known; Ready is true when all is as it should be, and
 * also while an endpoint `answers` although it is not.
 */
export function rootState(type: RootState["type"], { reason, message }: Root, answers = false): RootState {
  const { phase } = reasonEntry(reason);
  const stalled = isStalled(phase);
  const fulfilled = phase === "done";
  const status = fulfilled || answers ? "True" : stalled || type === "Ready" ? "False" : "Unknown";
  return { type, status, reason, message: plainText(message, longestMessage), fulfilled, stalled };
}

export function outcomeOf({
  root,
  requeueAfter,
}: Pick<ReconcileResult<unknown>, "root" | "requeueAfter">): Outcome {
  const phase = root && reasonEntry(root.reason).phase;
  if (root && phase === "waiting")
    return { kind: "waiting", ...root, afterSeconds: requeueAfter ?? lookAgainSeconds };
  if (root && phase && isStalled(phase))
    return requeueAfter === undefined
      ? { kind: "stalled", ...root }
      : { kind: "waiting", ...root, afterSeconds: requeueAfter };
  return requeueAfter === undefined ? done : again(requeueAfter);
}

/** An Event with the type that the table gives its reason. */
export const newEvent = (reason: Reason, note: string): NewEvent => ({
  type: reasonEntry(reason).event,
  reason,
  note,
  action: "Reconcile",
});

/** The rim of a reconciler: where decisions meet the world. */
export interface Rim {
  cluster: Cluster;
  clock: Clock;
  recorder: EventRecorder;
  logger: Logger;
}

interface Effects<T extends KubernetesObject & { status?: unknown }> {
  resource: Resource<T>;
  owner: T;
  result: Pick<ReconcileResult<unknown>, "apply" | "remove">;
  /** Status with its conditions. */
  status: NonNullable<T["status"]>;
  /** The kind's schema of it. */
  schema: z.ZodType;
  /**
   * What people are told: a function of the status before and after, so that no Event says what status does
   * not.
   */
  events: (before: Partial<NonNullable<T["status"]>>, after: NonNullable<T["status"]>) => NewEvent[];
}

/** Makes and removes children, then writes the status if it differs, then tells. */
export async function carryOut<T extends KubernetesObject & { status?: unknown }>(
  { cluster, recorder, logger }: Rim,
  { resource, owner, result, status, schema, events }: Effects<T>,
): Promise<void> {
  for (const child of result.apply) await applyChild(cluster, owner, child);
  for (const { resource: kind, object, graceSeconds } of result.remove)
    await cluster.delete(kind, object, { graceSeconds });
  const before = (owner.status ?? {}) as Partial<NonNullable<T["status"]>>;
  const stated: unknown = JSON.parse(JSON.stringify(status));
  if (isDeepStrictEqual(before, stated)) return;
  const { status: fitted, leftOut } = fitStatus(schema, stated);
  const after = fitted as NonNullable<T["status"]>;
  if (isDeepStrictEqual(before, after)) return;
  const { namespace, name } = owner.metadata;
  if (leftOut.length > 0)
    logger.error({ kind: owner.kind, namespace, name, leftOut }, "status left out what its schema refuses");
  const written = await cluster.updateStatus(resource, { ...owner, status: after });
  await recorder.publish(written, events(before, after));
}

/** A child cannot be made, and the root condition says why. */
export class ChildError extends Error {
  readonly reason: "Pending" | "NameTaken" | "InvalidSpec" | "FailedCreate";

  constructor(reason: ChildError["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Makes a child, or makes it so again where `update` asks for that and it differs. Apply alone would not do:
 * it would take an object of another owner for ours. The watch knows what the owner has, so that an object is
 * asked for only where its name turns out to be taken.
 */
async function applyChild(
  cluster: Cluster,
  owner: KubernetesObject,
  { resource, wanted: child, mode }: WantedChild,
): Promise<void> {
  const { namespace, name } = child.metadata;
  const own = await cluster.list(resource, { namespace, labels: ownedBy(owner) });
  let existing = own.find(({ metadata }) => metadata.name === name);
  if (existing === undefined) {
    if (await created(cluster, resource, child)) return;
    existing = await cluster.get(resource, namespace, name);
    if (existing === undefined) throw new ConflictError(`${child.kind} ${name} was taken, and is gone now`);
  }
  const ours = controllerUid(existing) === owner.metadata.uid;
  if (!ours || existing.metadata.deletionTimestamp !== undefined) throw taken(child, existing);
  if (mode === "create" || covers(existing, child)) return;
  await refusalsTold(child, () => cluster.apply(resource, child));
}

/** False where the name is taken. */
async function created(
  cluster: Cluster,
  resource: Resource<KubernetesObject>,
  child: Wanted<KubernetesObject>,
): Promise<boolean> {
  try {
    await refusalsTold(child, () => cluster.create(resource, child));
    return true;
  } catch (error) {
    if (error instanceof ConflictError) return false;
    throw error;
  }
}

/** What the API server refuses is the object's matter: its root condition says so. */
async function refusalsTold(
  { kind, metadata }: Wanted<KubernetesObject>,
  write: () => Promise<unknown>,
): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (error instanceof InvalidError)
      throw new ChildError("InvalidSpec", `the API server refuses ${error.message}`);
    if (error instanceof ForbiddenError)
      throw new ChildError("FailedCreate", `${kind} ${metadata.name} is refused: ${error.message}`);
    throw error;
  }
}

function taken({ kind }: Wanted<KubernetesObject>, { metadata }: KubernetesObject): ChildError {
  if (metadata.deletionTimestamp !== undefined)
    return new ChildError(
      "Pending",
      `waiting for ${kind} ${metadata.name} of an earlier owner to be deleted`,
    );
  if (kind === claims.kind) return new ChildError("NameTaken", claimNameTaken(metadata.name).message);
  const owner = metadata.ownerReferences?.find((reference) => reference.controller);
  const whose = owner ? `${owner.kind} ${owner.name}` : "somebody else";
  return new ChildError(
    "NameTaken",
    `${kind} ${metadata.name} exists and belongs to ${whose}; delete it, or rename this object`,
  );
}

/**
 * Whether everything stated is there already, as the API server keeps it: what is empty it leaves out, and of
 * quantities it has one notation ("0.5" becomes "500m"). What was stated once and is no more is not seen: see
 * `rendering`.
 */
export function covers(existing: unknown, stated: unknown): boolean {
  if (typeof stated !== "object" || stated === null) return existing === stated;
  if (existing === undefined) return Object.keys(stated).length === 0;
  if (typeof existing !== "object" || existing === null) return false;
  if (Array.isArray(stated) && (!Array.isArray(existing) || existing.length !== stated.length)) return false;
  const there = new Map(Object.entries(existing));
  return Object.entries(stated).every(([field, value]) => {
    if (value === undefined) return true;
    const kept = there.get(field);
    return field === "requests" || field === "limits" ? coversAmounts(kept, value) : covers(kept, value);
  });
}

/** Resources by name, compared by what they amount to. */
function coversAmounts(existing: unknown, stated: Record<string, string>): boolean {
  const there = new Map(Object.entries(existing ?? {}));
  return Object.entries(stated).every(([name, amount]) => {
    const kept: unknown = there.get(name);
    // 700 times a thousandth is not quite 0.7.
    return typeof kept === "string" && Math.abs(quantityValue(kept) - quantityValue(amount)) < 1e-6;
  });
}
