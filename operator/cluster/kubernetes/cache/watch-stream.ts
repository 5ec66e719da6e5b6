import { StringDecoder } from "node:string_decoder";
import { oneLine, parseJson } from "../client/errors.ts";

/** One line of a watch, parsed. */
export interface WatchLine {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: object;
}

/** A watch that sends something else than events; where to continue is unknown. */
export class GarbledWatchError extends Error {}

const types: ReadonlySet<unknown> = new Set(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]);

/**
 * Lines of JSON out of a body that comes in pieces. A last line that is cut off is dropped; the next watch
 * repeats its event.
 */
export async function* readWatch(body: AsyncIterable<Buffer>): AsyncIterable<WatchLine> {
  const decoder = new StringDecoder("utf8");
  let parts: string[] = [];
  for await (const chunk of body) {
    const [first = "", ...rest] = decoder.write(chunk).split("\n");
    parts.push(first);
    for (const piece of rest) {
      const line = parts.join("");
      parts = [piece];
      if (line.trim() !== "") yield parse(line);
    }
  }
}

function parse(line: string): WatchLine {
  const value = parseJson(line) as Partial<WatchLine> | null | undefined;
  if (!types.has(value?.type) || typeof value?.object !== "object" || value.object === null) {
    throw new GarbledWatchError(`a watch sent "${oneLine(line, 80)}", which is not an event; listing again`);
  }
  return value as WatchLine;
}
