import { z } from "zod";
import type { MetricsSource } from "./answer.ts";
import { curveOfRows } from "./curve.ts";
import { parseRow, type Row } from "./line.ts";

/**
 * Figures from a program's log, where its files are out of reach: it says a step every few seconds, and the
 * last one. A log that was rotated has lost the first of them.
 */

const StepLine = z.looseObject({ event: z.literal("step"), step: z.number() });

/** Not a figure of the step: how many there are in all. */
const total = "steps";

export async function readLogMetrics(pieces: AsyncIterable<string>): Promise<MetricsSource> {
  const rows: Row[] = [];
  for await (const line of linesOf(pieces)) {
    const row = stepOf(line);
    if (row !== undefined) rows.push(row);
  }
  const names = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  return {
    summary: async () => ({ rows: rows.length, names }),
    async curves({ axis, names, from, to, points }) {
      const within = rows.filter((row) => {
        const x = row.get(axis);
        return typeof x === "number" && x >= (from ?? x) && x <= (to ?? x);
      });
      return Object.fromEntries(names.map((name) => [name, curveOfRows(within, axis, name, points)]));
    },
  };
}

/** Undefined where a line says no step; programs, and what they run on, say much else. */
function stepOf(line: string): Row | undefined {
  if (!line.includes('"step"')) return undefined;
  try {
    if (!StepLine.safeParse(JSON.parse(line)).success) return undefined;
    return new Map([...parseRow(line)].filter(([name]) => name !== total));
  } catch {
    return undefined;
  }
}

async function* linesOf(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = "";
  for await (const piece of pieces) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  yield rest;
}
