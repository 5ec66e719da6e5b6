import type { Metrics } from "../contract.ts";
import type { Buckets, Column } from "./buckets.ts";
import type { Row } from "./line.ts";

/** Curves of at most so many points: of rows, one for one or in groups of neighbours, and of buckets. */

export type Curve = Metrics["series"][string];

/** A point for several rows: mean and extremes of a figure, over the mean of x. */
interface Group {
  x: number;
  y: number;
  low: number;
  high: number;
}

export function curveOfRows(rows: readonly Row[], axis: string, name: string, points: number): Curve {
  const seen = rows.flatMap((row): { x: number; y: number | null }[] => {
    const [x, y] = [row.get(axis), row.get(name)];
    return typeof x === "number" && y !== undefined ? [{ x, y }] : [];
  });
  if (seen.length <= points) return { x: seen.map(({ x }) => x), y: seen.map(({ y }) => y) };
  const groups = partsOf(seen, points).flatMap((part): Group[] => {
    const numbers = part.flatMap(({ y }) => y ?? []);
    if (numbers.length === 0) return [];
    const [x, y] = [mean(part.map(({ x }) => x)), mean(numbers)];
    return [{ x, y, low: Math.min(...numbers), high: Math.max(...numbers) }];
  });
  return curveOf(groups);
}

/** Of the buckets from `first` to before `end`. */
export function curveOfBuckets(
  { columns }: Pick<Buckets, "columns">,
  {
    axis,
    name,
    first,
    end,
    points,
  }: { axis: string; name: string; first: number; end: number; points: number },
): Curve {
  const [x, y] = [columns.get(axis), columns.get(name)];
  if (x === undefined || y === undefined) return { x: [], y: [] };
  const filled = Array.from({ length: end - first }, (_, index) => first + index).filter(
    (bucket) => (x.count[bucket] ?? 0) > 0 && (y.count[bucket] ?? 0) > 0,
  );
  return curveOf(
    partsOf(filled, points).map((part) => ({
      x: meanOf(x, part),
      y: meanOf(y, part),
      low: Math.min(...part.map((bucket) => y.low[bucket] ?? 0)),
      high: Math.max(...part.map((bucket) => y.high[bucket] ?? 0)),
    })),
  );
}

const curveOf = (groups: readonly Group[]): Curve => ({
  x: groups.map(({ x }) => x),
  y: groups.map(({ y }) => y),
  low: groups.map(({ low }) => low),
  high: groups.map(({ high }) => high),
});

/** At most `most` parts of neighbours, as equal as can be. */
function partsOf<T>(all: readonly T[], most: number): T[][] {
  const count = Math.min(most, all.length);
  const from = (part: number) => Math.floor((part * all.length) / count);
  return Array.from({ length: count }, (_, part) => all.slice(from(part), from(part + 1)));
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function meanOf(column: Column, buckets: readonly number[]): number {
  const total = (values: readonly number[]) =>
    buckets.reduce((sum, bucket) => sum + (values[bucket] ?? 0), 0);
  return total(column.sum) / total(column.count);
}
