import headless from "@xterm/headless";
import { expect, test } from "vitest";
import { type Column, renderTable } from "./table.ts";
import { Screen } from "./terminal.ts";

/** A live table in a terminal that wraps its lines anew when it is resized, as most do. */

const columns: Column[] = [
  { title: "OBJECT", least: 10 },
  { title: "MESSAGE", least: 10, drop: 1 },
];
const rows = [
  ["Corpus/web", "日本語の長い文章がここにあります。日本語の長い文章がここにあります。日本語の長い文章"],
  ["Evaluation/japanese", "日".repeat(49)],
  [
    "PretrainRun/base",
    "step 4 of 100, and a sentence that is about as long as the terminal is wide, or wider",
  ],
].map((row) => row.map((text) => ({ text })));

async function afterResizes(...widths: number[]): Promise<string[]> {
  const terminal = new headless.Terminal({ cols: 120, rows: 24, allowProposedApi: true, convertEol: true });
  const write = (text: string) => new Promise<void>((resolve) => terminal.write(text, resolve));
  await write("$ tanren run\n");
  let pending: Promise<void> = Promise.resolve();
  const screen = new Screen({
    get columns() {
      return terminal.cols;
    },
    get rows() {
      return terminal.rows;
    },
    write(text: string) {
      pending = pending.then(() => write(text));
      return true;
    },
  });
  for (const width of [120, ...widths]) {
    terminal.resize(width, 24);
    screen.draw(renderTable(columns, rows, { columns: width - 1 }));
    await pending;
  }
  const buffer = terminal.buffer.active;
  return Array.from({ length: buffer.length }, (_, line) =>
    (buffer.getLine(line)?.translateToString(true) ?? "").trimEnd(),
  ).filter((line) => line !== "");
}

test.each([[[100]], [[60]], [[61]], [[41]], [[25]], [[60, 33]], [[60, 120]], [[37, 90, 45]]])(
  "resized to %j, the table is there once and what was above it still is",
  async (widths) => {
    expect(await afterResizes(...widths)).toEqual([
      "$ tanren run",
      ...renderTable(columns, rows, { columns: (widths.at(-1) ?? 0) - 1 }),
    ]);
  },
);
