/** Figures of an endpoint's /metrics, whose names and labels are as Prometheus writes them. */

type Values = Readonly<Record<string, number>>;

/** A counter or gauge, summed over its labels; undefined where there is none. */
export function total(values: Values, name: string): number | undefined {
  const found = Object.entries(values).filter(([key]) => key === name || key.startsWith(`${name}{`));
  return found.length === 0 ? undefined : found.reduce((sum, [, value]) => sum + value, 0);
}

/** Requests for answers; those of probes, of this page, and lists of models are none. */
export function answered(values: Values): number | undefined {
  const asked = Object.entries(values).filter(([key]) => /\broute="\/v1\/(?!models\b)/.test(key));
  return total(Object.fromEntries(asked), "tanren_serve_requests_total");
}

export const generated = (values: Values) => total(values, "tanren_serve_generation_tokens_total");

export interface Reading {
  /** In milliseconds. */
  at: number;
  values: Values;
}

/** How fast a counter grew between two readings, a second; undefined where there are no two, or it began anew. */
export function rate(
  counter: (values: Values) => number | undefined,
  before: Reading | undefined,
  now: Reading | undefined,
): number | undefined {
  if (before === undefined || now === undefined) return undefined;
  const growth = (counter(now.values) ?? 0) - (counter(before.values) ?? 0);
  return growth < 0 ? undefined : (1000 * growth) / (now.at - before.at);
}

/**
 * A quantile of a histogram as Prometheus reckons it: linear within the bucket it falls into. Undefined without
 * observations, or where it falls beyond the last bound.
 */
export function quantile(values: Values, name: string, share: number): number | undefined {
  const byBound = new Map<number, number>();
  for (const [key, value] of Object.entries(values)) {
    if (!key.startsWith(`${name}_bucket{`)) continue;
    const [, bound] = key.match(/\ble="([^"]+)"/) ?? [];
    const at = bound === "+Inf" ? Number.POSITIVE_INFINITY : Number(bound);
    byBound.set(at, (byBound.get(at) ?? 0) + value);
  }
  const buckets = [...byBound].toSorted(([a], [b]) => a - b);
  const count = buckets.at(-1)?.[1] ?? 0;
  if (count === 0) return undefined;
  const rank = share * count;
  let [lowerBound, lowerCount] = [0, 0];
  for (const [bound, cumulative] of buckets) {
    if (cumulative >= rank) {
      if (bound === Number.POSITIVE_INFINITY) return undefined;
      const within = cumulative === lowerCount ? 1 : (rank - lowerCount) / (cumulative - lowerCount);
      return lowerBound + (bound - lowerBound) * within;
    }
    [lowerBound, lowerCount] = [bound, cumulative];
  }
  return undefined;
}
