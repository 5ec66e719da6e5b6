import { expect, test } from "vitest";
import { readLogMetrics } from "./log-metrics.ts";

async function* pieces(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

const log = [
  '{"time": "2026-01-01T00:00:00.000Z", "program": "train", "event": "training", "step": 0, "steps": 30}',
  '{"time": "2026-01-01T00:00:05.000Z", "program": "train", "event": "step", "steps": 30, "step": 10, "loss": 5.5, "tokens": 1000}',
  'NCCL WARN a line of what the program runs on, with "step" in it',
  '{"time": "2026-01-01T00:00:10.000Z", "program": "train", "event": "step", "steps": 30, "step": 20, "loss": 5.0, "tokens": 2000}',
  '{"time": "2026-01-01T00:00:15.000Z", "program": "train", "event": "step", "steps": 30, "step": 30, "loss": 4.5, "tokens": 3000, "held_out_loss": 4.75}',
  '{"event": "step", "st',
].join("\n");

test.each([1, 7, 10_000])(
  "steps are read from a log in pieces of %i characters, and nothing else of it",
  async (size) => {
    const source = await readLogMetrics(pieces(log, size));
    expect(await source.summary()).toEqual({ rows: 3, names: ["step", "loss", "tokens", "held_out_loss"] });
    const window = { axis: "tokens", names: ["loss", "held_out_loss"], from: 2000, points: 1000 };
    expect(await source.curves(window)).toEqual({
      loss: { x: [2000, 3000], y: [5, 4.5] },
      held_out_loss: { x: [3000], y: [4.75] },
    });
  },
);
