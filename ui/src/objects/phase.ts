import { isReason, type Phase, type Reason, reasonEntry } from "../../../operator/api/reasons.ts";
import { type AnyObject, rootCondition } from "./objects.ts";

/** Where an object stands by the table of reasons, as `tanren get` says it; a test holds the two together. */
export function phaseOf(object: AnyObject): Phase {
  const reason = reasonOf(object);
  return isReason(reason) ? reasonEntry(reason).phase : phaseByStatus(object);
}

/** The reason that decides: not one about an older spec; and a missed threshold outweighs a completed run. */
export function reasonOf(object: AnyObject): string {
  const root = rootCondition(object);
  if (root === undefined || (root.observedGeneration ?? 0) < (object.metadata.generation ?? 0))
    return "Pending" satisfies Reason;
  return object.status?.passed === false ? ("ThresholdsNotMet" satisfies Reason) : root.reason;
}

/** For a reason that only a newer operator knows: stalled is what needs a person. */
function phaseByStatus(object: AnyObject): Phase {
  const { conditions, completionTime } = object.status ?? {};
  const isTrue = (type: string) => conditions?.some((one) => one.type === type && one.status === "True");
  const root = rootCondition(object);
  if (completionTime !== undefined) return root?.status === "True" ? "done" : "failed";
  if (isTrue("Stalled")) return "blocked";
  if (isTrue("Reconciling")) return "running";
  if (root?.status === "True") return "done";
  return root?.type === "Succeeded" && root.status === "False" ? "failed" : "running";
}

/** Who can make it proceed: nobody need where it works or is done. */
export type Mender = "operator" | "cluster" | "object" | "administrator" | "resume" | "author" | "retry";

export function menderOf(object: AnyObject): Mender | undefined {
  const reason = reasonOf(object);
  switch (phaseOf(object)) {
    case "waiting":
      return (isReason(reason) ? reasonEntry(reason).waitsFor : undefined) ?? "operator";
    case "suspended":
      return "resume";
    case "blocked":
      return "author";
    case "failed":
      return "retry";
    case "running":
    case "done":
      return undefined;
  }
}

/** Most pressing first: what nobody but a person moves, then what waits, works, and is done. */
export const urgency: Record<Phase, number> = {
  failed: 0,
  blocked: 1,
  waiting: 2,
  suspended: 3,
  running: 4,
  done: 5,
};

/** Share of the work done, 0 to 100; undefined where none is told. */
export function percentOf({ status }: AnyObject): number | undefined {
  const percent = Number.parseFloat(status?.progress?.percent ?? "");
  return Number.isFinite(percent) ? Math.min(100, Math.max(0, percent)) : undefined;
}
