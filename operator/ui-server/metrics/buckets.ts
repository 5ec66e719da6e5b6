/**
 * Figures of many rows in few buckets of neighbouring rows: of every figure how many there are, their sum,
 * the least and the greatest. However many rows there are, the buckets are no more than a fixed number: when
 * they are full, each two become one.
 */

const mostBuckets = 8192;
/** The contract bounds what a program says of itself to 64 figures at a time. */
const mostColumns = 256;

export interface Column {
  count: number[];
  sum: number[];
  low: number[];
  high: number[];
}

export class Buckets {
  readonly columns = new Map<string, Column>();
  /** Where the first row of each bucket begins, in bytes. */
  #offsets: number[] = [];
  #rowsPerBucket = 64;
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  get length(): number {
    return this.#offsets.length;
  }

  get rowsPerBucket(): number {
    return this.#rowsPerBucket;
  }

  offset(bucket: number): number | undefined {
    return this.#offsets[bucket];
  }

  /** A column that is left out where there are too many; then undefined. */
  column(name: string): Column | undefined {
    const known = this.columns.get(name);
    if (known !== undefined || this.columns.size >= mostColumns) return known;
    const column: Column = { count: [], sum: [], low: [], high: [] };
    this.columns.set(name, column);
    return column;
  }

  /** Begins a row; its figures are added next. */
  beginRow(offset: number): void {
    if (this.#rows === mostBuckets * this.#rowsPerBucket) this.#halve();
    if (this.#rows % this.#rowsPerBucket === 0) this.#offsets.push(offset);
    this.#rows++;
  }

  add(column: Column, value: number): void {
    const bucket = this.#offsets.length - 1;
    for (let missing = column.count.length; missing <= bucket; missing++) {
      column.count.push(0);
      column.sum.push(0);
      column.low.push(Number.POSITIVE_INFINITY);
      column.high.push(Number.NEGATIVE_INFINITY);
    }
    column.count[bucket] = (column.count[bucket] ?? 0) + 1;
    column.sum[bucket] = (column.sum[bucket] ?? 0) + value;
    if (value < (column.low[bucket] ?? 0)) column.low[bucket] = value;
    if (value > (column.high[bucket] ?? 0)) column.high[bucket] = value;
  }

  #halve(): void {
    this.#rowsPerBucket *= 2;
    this.#offsets = this.#offsets.filter((_, index) => index % 2 === 0);
    for (const column of this.columns.values()) {
      column.count = inPairs(column.count, (one, other) => one + other);
      column.sum = inPairs(column.sum, (one, other) => one + other);
      column.low = inPairs(column.low, Math.min);
      column.high = inPairs(column.high, Math.max);
    }
  }
}

function inPairs(values: readonly number[], join: (one: number, other: number) => number): number[] {
  return Array.from({ length: Math.ceil(values.length / 2) }, (_, index) => {
    const [one = 0, other] = [values[2 * index], values[2 * index + 1]];
    return other === undefined ? one : join(one, other);
  });
}
