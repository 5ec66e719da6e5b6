import type { Reference } from "../api/artifact.ts";
import type { Refusal } from "../estimates/refusal.ts";

/** What can be wrong with references to objects of the six kinds, said alike by the operator and the command. */

/** `mend`: what to do where more is known than that the name leads nowhere. */
export const inputNotFound = (
  { kind, name, role }: Reference,
  mend = "create it or correct the name",
): Refusal => ({
  reason: "InputNotFound",
  message: `${kind} ${name} (${role}) does not exist in this namespace; ${mend}`,
});

export const inputFailed = (
  { kind, name, role }: Reference,
  { reason, message }: { reason: string; message: string },
): Refusal => ({ reason: "InputFailed", message: `${kind} ${name} (${role}) failed: ${reason}: ${message}` });

/** `way`: from an object along references back to itself, as Kind/name. */
export const cyclicReference = (way: readonly string[]): Refusal => ({
  reason: "CyclicReference",
  message: `the references lead back: ${way.join(" -> ")}; let one of them name another object`,
});
