import type { FileHandle } from "node:fs/promises";
import type { Rows } from "./contract.ts";
import { HttpError } from "./http-error.ts";
import { parseLine } from "./json-line.ts";

/** Pages of a JSON lines file of any size: where every thousandth line begins is remembered, and followed. */

const stride = 1000;
const chunkBytes = 2 ** 20;
/** Of one answer; the rows that have no room come with the next. */
const mostBytes = 8 * 2 ** 20;
const longestLine = 32 * 2 ** 20;

export class LineIndex {
  /** Byte at which line 0, 1000, 2000 ... begins. */
  #starts = [0];
  #lines = 0;
  #read = 0;
  #inode: number | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /** Rows from line `offset`, at most `limit`. */
  page(file: FileHandle, offset: number, limit: number): Promise<Rows> {
    const done = this.#turn.then(async () => {
      await this.#catchUp(file);
      return this.#page(file, offset, limit);
    });
    this.#turn = done.catch(() => {});
    return done;
  }

  async #catchUp(file: FileHandle): Promise<void> {
    const { ino, size } = await file.stat();
    if (ino !== this.#inode || size < this.#read) {
      [this.#starts, this.#lines, this.#read, this.#inode] = [[0], 0, 0, ino];
    }
    const chunk = Buffer.allocUnsafe(chunkBytes);
    for (let at = this.#read; at < size; ) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) return;
      const bytes = chunk.subarray(0, bytesRead);
      for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, end + 1)) {
        this.#read = at + end + 1;
        if (++this.#lines % stride === 0) this.#starts.push(this.#read);
      }
      at += bytesRead;
    }
  }

  async #page(file: FileHandle, offset: number, limit: number): Promise<Rows> {
    const rows: unknown[] = [];
    const wanted = Math.max(Math.min(limit, this.#lines - offset), 0);
    let bytes = 0;
    for await (const line of wanted === 0 ? [] : this.#linesFrom(file, offset)) {
      bytes += line.length;
      if (rows.length > 0 && bytes > mostBytes) break;
      rows.push(parsed(line, offset + rows.length));
      if (rows.length === wanted) break;
    }
    const next = offset + rows.length;
    return { rows, total: this.#lines, next: next < this.#lines ? next : null };
  }

  /** Whole lines, beginning with the one of that number. */
  async *#linesFrom(file: FileHandle, first: number): AsyncGenerator<string> {
    const known = Math.floor(first / stride);
    let number = known * stride;
    let rest = Buffer.alloc(0);
    for (let at = this.#starts[known] ?? 0; at < this.#read; ) {
      const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, this.#read - at));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      rest = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      let start = 0;
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, start)) {
        if (number++ >= first) yield rest.toString("utf8", start, end);
        start = end + 1;
      }
      rest = rest.subarray(start);
      if (rest.length > longestLine)
        throw new HttpError(
          413,
          `line ${number + 1} of the file has over ${longestLine} bytes, too many for a page`,
        );
    }
  }
}

function parsed(line: string, index: number): unknown {
  try {
    return parseLine(line);
  } catch {
    throw new HttpError(422, `line ${index + 1} of the file is no JSON; run its maker again`);
  }
}
