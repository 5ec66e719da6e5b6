import type { Reason } from "../api/reasons.ts";
import type { Plan } from "../api/status.ts";
import { inGibibytes } from "../cluster/quantity.ts";

/** Why a run is not begun, as a reason and a sentence that names the field and a value that would do. */
export interface Refusal {
  reason: Reason;
  message: string;
}

export const invalidSpec = (message: string): Refusal => ({ reason: "InvalidSpec", message });

/** The first violation of an ordered list of checks. */
export function firstRefusal(...checks: readonly (() => Refusal | undefined)[]): Refusal | undefined {
  for (const check of checks) {
    const refusal = check();
    if (refusal) return refusal;
  }
  return undefined;
}

/** A decimal of the spec (strings there) and the bounds that the kernels' contract sets. */
export interface BoundedDecimal {
  field: string;
  value: string;
  above?: number;
  atLeast?: number;
  below?: number;
  atMost?: number;
}

/** Text bounds of the CRD cannot say "above 0" of a decimal; this does. */
export function refuseDecimals(decimals: readonly BoundedDecimal[]): Refusal | undefined {
  for (const decimal of decimals) {
    const value = Number(decimal.value);
    const broken =
      (decimal.above !== undefined && value <= decimal.above && `above ${decimal.above}`) ||
      (decimal.atLeast !== undefined && value < decimal.atLeast && `at least ${decimal.atLeast}`) ||
      (decimal.below !== undefined && value >= decimal.below && `below ${decimal.below}`) ||
      (decimal.atMost !== undefined && value > decimal.atMost && `at most ${decimal.atMost}`);
    if (broken) return invalidSpec(`spec.${decimal.field} is ${decimal.value}; it must be ${broken}`);
  }
  return undefined;
}

/** `fields` are what a person can change besides the hardware, below spec. */
export function refuseMemory(
  plan: Plan,
  { gpusPerNode }: { gpusPerNode: number },
  fields: string,
): Refusal | undefined {
  const { memoryPerRankBytes: needed, memoryLimitPerRankBytes: limit } = plan;
  if (needed === undefined || limit === undefined || needed <= limit) return undefined;
  const more = gpusPerNode > 0 ? "take an accelerator with more memory" : "raise compute.resources.memory";
  return {
    reason: "InsufficientMemory",
    message: `a rank needs about ${inGibibytes(needed)} and has ${inGibibytes(limit)}; ${more}, or change ${fields}`,
  };
}
