import { fstatSync, ftruncateSync, openSync, writeSync } from "node:fs";
import type { DestinationStream } from "pino";
import { isFullDisk } from "../../cluster/local/index.ts";

/**
 * The file that the operator of a state directory logs to. Where the disk is full, lines are lost and the
 * operator works on; the first line after it says how many.
 */
export function openOperatorLog(path: string): DestinationStream {
  let file: number | undefined;
  let lost = 0;
  /** Writes the whole text or nothing; false for nothing. */
  const append = (text: string): boolean => {
    const bytes = Buffer.from(text);
    let written = 0;
    try {
      file ??= openSync(path, "a", 0o644);
      while (written < bytes.length) written += writeSync(file, bytes, written);
      return true;
    } catch (error) {
      if (!isFullDisk(error)) throw error;
      if (file !== undefined && written > 0) ftruncateSync(file, fstatSync(file).size - written);
      return false;
    }
  };
  return {
    write(line) {
      const gap = { level: "warn", time: new Date(), msg: `${lost} lines were lost: the disk was full` };
      const missing = lost > 0 ? `${JSON.stringify(gap)}\n` : "";
      if (append(missing + line)) lost = 0;
      else lost += 1;
    },
  };
}
