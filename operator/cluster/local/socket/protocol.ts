import { ClusterError, ConflictError, InvalidError, NotFoundError } from "../../port.ts";

/** What goes over the operator's socket: `POST /<method>` with the arguments as a JSON array; the answer is one of these. */

export type Answer = { value?: unknown } | { error: WireError };

/** Lines of a watch: events in order, and a mark once everything that existed has been told. */
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
