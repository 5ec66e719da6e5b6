import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { ClusterError, ConflictError, InvalidError, NotFoundError } from "../../port.ts";

/**
 * What goes over the operator's socket: `POST /<method>` with the arguments as a JSON array; the answer is
 * one of these.
 */

export type Answer = { value?: unknown } | { error: WireError };

/** Lines of a watch: events in order, and a mark after everything that existed. */
export const syncedLine = { synced: true } as const;

export interface WireError {
  type: "NotFound" | "Conflict" | "Invalid" | "Other";
  message: string;
  causes?: readonly { field: string; message: string }[];
}

export function toWire(error: unknown): WireError {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof InvalidError) return { type: "Invalid", message, causes: error.causes };
  if (error instanceof NotFoundError) return { type: "NotFound", message };
  if (error instanceof ConflictError) return { type: "Conflict", message };
  return { type: "Other", message };
}

export function fromWire({ type, message, causes = [] }: WireError): Error {
  switch (type) {
    case "Invalid": {
      const [kind = "", name = ""] = (message.split(": ")[0] ?? "").split(" ");
      return new InvalidError(kind, name, causes);
    }
    case "NotFound":
      return new NotFoundError(message);
    case "Conflict":
      return new ConflictError(message);
    case "Other":
      return new ClusterError(message);
  }
}

/** sockaddr_un holds 108 bytes with the closing zero. */
const longestPath = 107;

/**
 * The operator's socket. Where its path is too long for the system, it is named through a descriptor of the
 * directory.
 */
export function openSocketPath(stateDirectory: string): { path: string; close(): void } {
  const path = join(stateDirectory, "operator.sock");
  if (Buffer.byteLength(path) <= longestPath) return { path, close: () => {} };
  const directory = openSync(stateDirectory, "r");
  return { path: `/proc/self/fd/${directory}/operator.sock`, close: () => closeSync(directory) };
}
