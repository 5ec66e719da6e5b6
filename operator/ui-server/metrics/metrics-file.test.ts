import { appendFileSync, createWriteStream, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LineReader, parseRow } from "./line.ts";
import { DamagedMetrics, MetricsFile } from "./metrics-file.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tanren-metrics-"));
  path = join(directory, "metrics.jsonl");
});
afterEach(() => rmSync(directory, { recursive: true }));

const line = (row: Record<string, unknown>) => `${JSON.stringify(row)}\n`;
function metricsFile() {
  const file = new MetricsFile("metrics.jsonl of PretrainRun/base");
  const opened = () => open(path);
  return {
    summary: () => file.summary(opened),
    curves: (window: Parameters<typeof file.curves>[1]) => file.curves(opened, window),
  };
}
const byStep = (names: string[], window = {}) => ({ axis: "step", names, points: 1000, ...window });

test("few rows are told as they are, a figure that is not in every row where it is", async () => {
  writeFileSync(
    path,
    line({ step: 1, loss: 6.021692276000977, lr: 1e-5 }) +
      line({ step: 2, loss: 5.5, held_out_loss: 5.25 }) +
      line({ step: 3, loss: 5 }),
  );
  const file = metricsFile();
  expect(await file.summary()).toEqual({ rows: 3, names: ["step", "loss", "lr", "held_out_loss"] });
  expect(await file.curves(byStep(["loss", "held_out_loss", "absent"]))).toEqual({
    loss: { x: [1, 2, 3], y: [6.021692276000977, 5.5, 5] },
    held_out_loss: { x: [2], y: [5.25] },
    absent: { x: [], y: [] },
  });
});

test("what Python writes for a number that is none is a gap", async () => {
  writeFileSync(path, `${line({ step: 1, loss: 2 })}{"step": 2, "loss": NaN}\n${line({ step: 3, loss: 1 })}`);
  expect(await metricsFile().curves(byStep(["loss"]))).toEqual({ loss: { x: [1, 2, 3], y: [2, null, 1] } });
});

test("a file that grows is followed, and a line that is half written is told once it is whole", async () => {
  const file = metricsFile();
  writeFileSync(path, `${line({ step: 1, loss: 3 })}{"step": 2, "lo`);
  expect((await file.curves(byStep(["loss"]))).loss).toEqual({ x: [1], y: [3] });
  appendFileSync(path, `ss": 2}\n${line({ step: 3, loss: 1 })}`);
  expect((await file.curves(byStep(["loss"]))).loss).toEqual({ x: [1, 2, 3], y: [3, 2, 1] });
});

test("a run that resumes replaces the file, and nothing of the steps that it does again is left", async () => {
  const file = metricsFile();
  writeFileSync(path, [1, 2, 3, 4].map((step) => line({ step, loss: step })).join(""));
  expect((await file.summary()).rows).toBe(4);
  writeFileSync(join(directory, "next"), line({ step: 1, loss: 1 }) + line({ step: 2, loss: 20 }));
  renameSync(join(directory, "next"), path);
  expect((await file.curves(byStep(["loss"]))).loss).toEqual({ x: [1, 2], y: [1, 20] });
});

test("a line that is no row is said, and where it is", async () => {
  writeFileSync(path, `${line({ step: 1, loss: 3 })}oh no\n`);
  const file = metricsFile();
  for (const _ of ["first", "again"])
    await expect(file.curves(byStep(["loss"]))).rejects.toThrow(
      new DamagedMetrics(
        "metrics.jsonl of PretrainRun/base has a line at byte 20 that is no JSON object; run its maker again",
      ),
    );
});

test("a window has only the rows within it", async () => {
  writeFileSync(path, Array.from({ length: 1000 }, (_, step) => line({ step, loss: step / 10 })).join(""));
  const { loss } = await metricsFile().curves(byStep(["loss"], { from: 500, to: 502 }));
  expect(loss).toEqual({ x: [500, 501, 502], y: [50, 50.1, 50.2] });
});

test("more rows than points are groups with their mean and extremes", async () => {
  writeFileSync(path, Array.from({ length: 100 }, (_, step) => line({ step, loss: step % 10 })).join(""));
  const { loss } = await metricsFile().curves(byStep(["loss"], { points: 10 }));
  expect(loss?.y).toEqual(Array(10).fill(4.5));
  expect(loss?.low).toEqual(Array(10).fill(0));
  expect(loss?.high).toEqual(Array(10).fill(9));
  expect(loss?.x[0]).toBe(4.5);
});

test("a million rows open in about a second, no spike of them is lost, and a close look has every step", async () => {
  const figures = Array.from({ length: 997 }, () => String(6 * Math.random()));
  const out = createWriteStream(path);
  for (let first = 1; first <= 1_000_000; first += 10_000) {
    const some = Array.from({ length: 10_000 }, (_, index) => {
      const step = first + index;
      const [loss, norm] = [step === 654_321 ? 99.5 : figures[step % 997], figures[step % 991]];
      return `{"step": ${step}, "loss": ${loss}, "grad_norm": ${norm}, "lr": 9.6e-05, "tokens": ${step * 4096}}\n`;
    });
    out.write(some.join(""));
  }
  out.end();
  await finished(out);
  const file = metricsFile();
  const opening = processorMilliseconds();
  const { loss } = await file.curves(byStep(["loss", "grad_norm", "lr"]));
  const first = opening();
  expect(loss?.x.length).toBeLessThanOrEqual(1000);
  expect(loss?.x.length).toBeGreaterThan(500);
  expect(Math.max(...(loss?.high ?? []).map(Number))).toBe(99.5);
  const looking = processorMilliseconds();
  const close = await file.curves(byStep(["loss"], { from: 654_000, to: 654_900 }));
  const second = looking();
  expect(close.loss?.x).toHaveLength(901);
  expect(close.loss?.y[321]).toBe(99.5);
  console.log(`a million rows: ${first} ms of a processor; a window of them afterwards: ${second} ms`);
  // Over twice what it takes on a machine with nothing else to do.
  expect(first).toBeLessThan(2000);
  expect(second).toBeLessThan(200);
});

/** Of this thread since it was asked for, however many others want the processor too. */
function processorMilliseconds(): () => number {
  const before = process.threadCpuUsage();
  return () => {
    const { user, system } = process.threadCpuUsage(before);
    return Math.round((user + system) / 1000);
  };
}

test("what is read fast is what JSON says, up to the last bit of a number", () => {
  const names = fc.constantFrom("step", "loss", "lr", 'od"d', "日本");
  const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer());
  fc.assert(
    fc.property(fc.array(fc.dictionary(names, number), { minLength: 1 }), (rows) => {
      const reader = new LineReader((name) => name);
      for (const row of rows) {
        const bytes = Buffer.from(JSON.stringify(row));
        if (!reader.read(bytes, 0, bytes.length)) continue;
        const exact = parseRow(bytes.toString());
        expect(reader.columns.slice(0, reader.length)).toEqual([...exact.keys()]);
        [...exact.values()].forEach((value, index) => {
          const found = reader.values[index] ?? Number.NaN;
          expect(Math.abs(found - (value ?? 0))).toBeLessThanOrEqual(Math.abs(value ?? 0) * 1e-14);
        });
      }
    }),
  );
});
