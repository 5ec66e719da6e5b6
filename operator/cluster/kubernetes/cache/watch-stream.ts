import { StringDecoder } from "node:string_decoder";

/** One line of a watch, parsed. */
export interface WatchLine {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: unknown;
}

/** A watch that tells no JSON; where it stands is not known any more. */
export class GarbledWatchError extends Error {}

const types: ReadonlySet<unknown> = new Set(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]);

/** Lines of JSON out of a body that comes in pieces. A last line that was cut off is dropped: it was never told. */
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
  let value: Partial<WatchLine> | null;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new GarbledWatchError(`a watch told "${line.slice(0, 80)}", which is no JSON`, { cause });
  }
  if (typeof value !== "object" || value === null || !types.has(value.type)) {
    throw new GarbledWatchError(`a watch told "${line.slice(0, 80)}", which is no event`);
  }
  return value as WatchLine;
}
