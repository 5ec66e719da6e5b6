import { renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ClusterError } from "../port.ts";

/** Writing to this machine's disk: whole files or none, and one sentence where there is no room. */

/** The state could not be written; on disk stands what stood there before. */
export class FullDiskError extends ClusterError {}

/** Does what writes to the path; where the disk has no room for it, the error is a FullDiskError. */
export function writing<Made>(path: string, write: () => Made): Made {
  try {
    return write();
  } catch (error) {
    if (!isFullDisk(error)) throw error;
    const message = `the disk is full, so that ${path} cannot be written; free space, what was begun then resumes`;
    throw new FullDiskError(message, { cause: error });
  }
}

export function isFullDisk(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT";
}

/** Writes a whole file or nothing: a reader, and a restart after SIGKILL, sees the old content or the new. */
export function writeWhole(path: string, content: string | Uint8Array, mode = 0o644): void {
  const temporary = join(dirname(path), `.${process.pid}.tmp`);
  rmSync(temporary, { force: true });
  writing(path, () => {
    try {
      writeFileSync(temporary, content, { mode });
      renameSync(temporary, path);
    } catch (error) {
      // A disk that is full must not stay so for half a file.
      rmSync(temporary, { force: true });
      throw error;
    }
  });
}
