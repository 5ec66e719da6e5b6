import type { z } from "zod";
import { type FunnelRow as FunnelRowSchema, Result } from "../contract/result.ts";
import type { KernelResult } from "../kinds/batch-kind.ts";

/** What programs say at their end. It comes from a pod, so it is read as what a stranger says. */

type FunnelRow = z.output<typeof FunnelRowSchema>;

/** The result in a termination message; undefined when there is none or it is not of the contract. */
export function readResult(message: string | undefined): KernelResult | undefined {
  if (message === undefined) return undefined;
  let said: unknown;
  try {
    said = JSON.parse(message);
  } catch {
    return undefined;
  }
  const parsed = Result.safeParse(said);
  return parsed.success ? parsed.data : undefined;
}

/**
 * The result of a stage from those of its pods, by index. A gang speaks through index 0; independent pods each did a part: their
 * counts in the funnel are added, and the rest is index 0's.
 */
export function stageResult(
  results: readonly [KernelResult, ...KernelResult[]],
  coupling: "gang" | "independent",
): KernelResult {
  const [first, ...others] = results;
  if (coupling === "gang" || others.length === 0 || first.funnel === undefined) return first;
  return { ...first, funnel: addFunnels(results.flatMap((result) => result.funnel ?? [])) };
}

function addFunnels(rows: readonly FunnelRow[]): FunnelRow[] {
  const sums = new Map<string, FunnelRow>();
  for (const row of rows) {
    const key = `${row.step}/${row.language}`;
    const sum = sums.get(key);
    sums.set(key, sum === undefined ? row : addRows(sum, row));
  }
  return [...sums.values()];
}

function addRows(sum: FunnelRow, row: FunnelRow): FunnelRow {
  const dropped = new Map(Object.entries(sum.dropped));
  for (const [reason, count] of Object.entries(row.dropped)) dropped.set(reason, (dropped.get(reason) ?? 0) + count);
  return {
    ...sum,
    documents_in: sum.documents_in + row.documents_in,
    documents_out: sum.documents_out + row.documents_out,
    bytes_in: sum.bytes_in + row.bytes_in,
    bytes_out: sum.bytes_out + row.bytes_out,
    dropped: Object.fromEntries(dropped),
  };
}

/** Figures as status has them: decimal strings of at most six digits, by name. */
export function metricList(metrics: Readonly<Record<string, number>>): { name: string; value: string }[] {
  return Object.entries(metrics)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({
      name,
      value: Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6))),
    }));
}
