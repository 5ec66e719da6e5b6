import type { FileHandle } from "node:fs/promises";
import { HttpError } from "../http-error.ts";
import { Buckets, type Column } from "./buckets.ts";
import { type Curve, curveOfBuckets, curveOfRows } from "./curve.ts";
import { LineReader, parseRow, type Row } from "./line.ts";

/**
 * One metrics.jsonl, read once and then followed as it grows. Kept of it are buckets, of a size that the
 * file's does not change; a window of few rows is read again from the file, so that a closer look shows every
 * step.
 */

const chunkBytes = 4 * 2 ** 20;
/** A program's row has a few hundred bytes; what has more is no row. */
const longestLine = 2 ** 20;
/** Up to here a window is read from the file: rows of a program are some 20 MB, a fifth of a second. */
const mostRowsRead = 100_000;
const mostBytesRead = 64 * 2 ** 20;

export interface Window {
  axis: string;
  names: readonly string[];
  from?: number;
  to?: number;
  points: number;
}

/** Opens the file as it is now, for whoever asks. */
type OpenMetrics = () => Promise<FileHandle>;

/** The file is not what a program writes. */
export class DamagedMetrics extends HttpError {
  constructor(message: string) {
    super(422, message);
  }
}

export class MetricsFile {
  readonly #name: string;
  #buckets = new Buckets();
  #reader = this.#newReader();
  /** Bytes that are in the buckets: whole lines. */
  #read = 0;
  /** Another inode is another file: a run that resumes writes it anew. */
  #inode: number | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param name The file in sentences. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Rows and names of figures, as of now. */
  async summary(open: OpenMetrics): Promise<{ rows: number; names: string[] }> {
    return this.#withFile(open, async () => ({
      rows: this.#buckets.rows,
      names: [...this.#buckets.columns.keys()],
    }));
  }

  async curves(open: OpenMetrics, { axis, names, from, to, points }: Window): Promise<Record<string, Curve>> {
    return this.#withFile(open, async (file) => {
      const { first, end } = this.#range(axis, from, to);
      const curves = (curve: (name: string) => Curve) =>
        Object.fromEntries(names.map((name) => [name, curve(name)]));
      if (!this.#isSmall(first, end))
        return curves((name) => curveOfBuckets(this.#buckets, { axis, name, first, end, points }));
      const rows = (await this.#rows(file, first, end)).filter((row) => isWithin(row.get(axis), from, to));
      return curves((name) => curveOfRows(rows, axis, name, points));
    });
  }

  /** One at a time, after what was added to the file has been read. */
  #withFile<T>(open: OpenMetrics, work: (file: FileHandle) => Promise<T>): Promise<T> {
    const done = this.#turn.then(async () => {
      const file = await open();
      try {
        await this.#catchUp(file);
        return await work(file);
      } catch (error) {
        // Half of it may have been read: the next look begins anew.
        this.#inode = undefined;
        throw error;
      } finally {
        await file.close();
      }
    });
    this.#turn = done.catch(() => {});
    return done;
  }

  async #catchUp(file: FileHandle): Promise<void> {
    const { ino, size } = await file.stat();
    if (ino !== this.#inode || size < this.#read) {
      this.#buckets = new Buckets();
      this.#reader = this.#newReader();
      this.#read = 0;
      this.#inode = ino;
    }
    const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, Math.max(size - this.#read, 1)));
    while (this.#read < size) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, this.#read);
      const used = this.#take(chunk.subarray(0, bytesRead));
      // What is left has no end yet: it is being written, or was when its program was killed.
      if (used === 0) {
        if (bytesRead < longestLine) return;
        throw new DamagedMetrics(`${this.#name} has a line of more than ${longestLine} bytes`);
      }
      this.#read += used;
    }
  }

  /** Adds the whole lines; returns how many bytes they are. */
  #take(bytes: Buffer): number {
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      if (end > start) this.#addLine(bytes, start, end);
      start = end + 1;
    }
    return start;
  }

  #addLine(bytes: Buffer, start: number, end: number): void {
    const offset = this.#read + start;
    if (this.#reader.read(bytes, start, end)) {
      this.#buckets.beginRow(offset);
      for (let index = 0; index < this.#reader.length; index++) {
        const column = this.#reader.columns[index];
        if (column) this.#buckets.add(column, this.#reader.values[index] ?? 0);
      }
      return;
    }
    const row = this.#parsed(bytes.toString("utf8", start, end), offset);
    this.#buckets.beginRow(offset);
    for (const [name, value] of row) {
      const column = this.#buckets.column(name);
      if (column && value !== null) this.#buckets.add(column, value);
    }
  }

  #parsed(line: string, offset: number): Row {
    try {
      return parseRow(line);
    } catch {
      throw new DamagedMetrics(
        `${this.#name} has a line at byte ${offset} that is no JSON object; run its maker again`,
      );
    }
  }

  #newReader(): LineReader<Column | undefined> {
    return new LineReader((name) => this.#buckets.column(name));
  }

  /** Buckets that may hold rows of the window. x grows from row to row. */
  #range(axis: string, from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY) {
    const { low, high } = this.#buckets.columns.get(axis) ?? { low: [], high: [] };
    const first = high.findIndex((value) => value >= from);
    const last = low.findLastIndex((value) => value <= to);
    return first < 0 || last < first ? { first: 0, end: 0 } : { first, end: last + 1 };
  }

  #isSmall(first: number, end: number): boolean {
    const [from, to] = this.#place(first, end);
    return (end - first) * this.#buckets.rowsPerBucket <= mostRowsRead && to - from <= mostBytesRead;
  }

  #place(first: number, end: number): [from: number, to: number] {
    return [this.#buckets.offset(first) ?? this.#read, this.#buckets.offset(end) ?? this.#read];
  }

  async #rows(file: FileHandle, first: number, end: number): Promise<Row[]> {
    const [from, to] = this.#place(first, end);
    const bytes = Buffer.alloc(to - from);
    await file.read(bytes, 0, bytes.length, from);
    return bytes
      .toString("utf8")
      .split("\n")
      .flatMap((line) => (line === "" ? [] : [this.#parsed(line, from)]));
  }
}

const isWithin = (x: number | null | undefined, from?: number, to?: number): boolean =>
  typeof x === "number" && x >= (from ?? x) && x <= (to ?? x);
