import { type FileHandle, open } from "node:fs/promises";
import type { Clock } from "../../../clock/clock.ts";
import { sleep } from "../../../clock/sleep.ts";
import type { LogOptions } from "../../port.ts";

const period = 100;
const chunkBytes = 65_536;

/** The content of a log file piece by piece; with `follow` until `hasEnded` holds and all is read. */
export async function* readLog(
  path: string,
  { follow = false, tailLines, signal }: LogOptions,
  hasEnded: () => boolean,
  clock: Clock,
): AsyncIterable<string> {
  let file = await openOrNone(path);
  // A pod that is still waiting has no log yet.
  while (!file && follow && !hasEnded() && !signal?.aborted) {
    await sleep(clock, period, signal);
    file = await openOrNone(path);
  }
  if (!file) return;
  try {
    const decoder = new TextDecoder();
    let position = tailLines === undefined ? 0 : await tailStart(file, tailLines);
    for (;;) {
      const ended = hasEnded(); // before the read: what was written until the end is read
      const { bytesRead, buffer } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, position);
      position += bytesRead;
      if (bytesRead > 0) yield decoder.decode(buffer.subarray(0, bytesRead), { stream: true });
      else if (!follow || ended) return;
      else await sleep(clock, period, signal);
      if (signal?.aborted) return;
    }
  } finally {
    await file.close();
  }
}

async function openOrNone(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Offset of the last so many lines. */
async function tailStart(file: FileHandle, lines: number): Promise<number> {
  const newline = 10;
  let end = (await file.stat()).size;
  const last = Buffer.alloc(1);
  // The newline that ends the last line begins no other.
  let left = lines;
  if (end > 0 && (await file.read(last, 0, 1, end - 1)) && last[0] === newline) left += 1;
  while (end > 0) {
    const start = Math.max(0, end - chunkBytes);
    const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
    for (let index = buffer.length - 1; index >= 0; index--) {
      if (buffer[index] === newline && --left <= 0) return start + index + 1;
    }
    end = start;
  }
  return 0;
}
