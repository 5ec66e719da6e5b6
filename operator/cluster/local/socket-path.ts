import { closeSync, openSync } from "node:fs";
import { join } from "node:path";

/** sockaddr_un holds 108 bytes with the closing zero. */
const longestPath = 107;

/** The operator's socket. Where its path is too long for the system, it is named through a descriptor of the directory. */
export function openSocketPath(stateDirectory: string): { path: string; close(): void } {
  const path = join(stateDirectory, "operator.sock");
  if (Buffer.byteLength(path) <= longestPath) return { path, close: () => {} };
  const directory = openSync(stateDirectory, "r");
  return { path: `/proc/self/fd/${directory}/operator.sock`, close: () => closeSync(directory) };
}
