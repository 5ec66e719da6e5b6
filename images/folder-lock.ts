import { spawnSync } from "node:child_process";
import { mkdirSync, openSync } from "node:fs";
import { join } from "node:path";

/**
 * Who uses a folder of images. Every process that builds images or was given some holds its lock, together
 * with the others, until it ends and the kernel takes it back. Whoever gets it alone knows that nothing
 * unfinished in the folder is anybody's.
 */
export function lockOf(directory: string): FolderLock {
  const lock = held.get(directory) ?? new FolderLock(directory);
  held.set(directory, lock);
  return lock;
}

const held = new Map<string, FolderLock>();

class FolderLock {
  /** The open file that the lock belongs to: a child that is given it holds the lock too. */
  readonly file: number;

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true });
    this.file = openSync(join(directory, "lock"), "a");
    this.#take("--shared");
  }

  /** Does something while nobody else uses the folder; leaves it to a later process when somebody does. */
  async alone(act: () => Promise<void>): Promise<void> {
    try {
      if (this.#take("--exclusive", "--nonblock")) await act();
    } finally {
      this.#take("--shared");
    }
  }

  /** False when others hold it and it is not waited for. */
  #take(...how: string[]): boolean {
    const { status, error, stderr } = spawnSync("flock", [...how, "3"], {
      stdio: ["ignore", "ignore", "pipe", this.file],
      encoding: "utf8",
    });
    if (error !== undefined) throw error;
    if (status !== 0 && status !== 1) throw new Error(`flock ended with ${status}: ${stderr.trim()}`);
    return status === 0;
  }
}
