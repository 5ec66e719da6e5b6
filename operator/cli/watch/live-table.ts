import { styleText } from "node:util";
import type { Cell, Column } from "../terminal/table.ts";
import { renderTable } from "../terminal/table.ts";
import type { Row } from "../watching/row.ts";
import type { Standing } from "./phase.ts";

export interface LiveLayout {
  columns: number;
  colour: boolean;
  /** Most lines, header included; rows that do not fit are counted in the last one. */
  lines?: number;
}

const tableColumns: Column[] = [
  { title: "OBJECT", least: 18, yields: 1 },
  { title: "STATE", least: 13, yields: 2 },
  { title: "DONE" },
  { title: "FIGURE", drop: 2 },
  { title: "ETA", align: "right", drop: 1 },
  { title: "MESSAGE", least: 12, drop: 3 },
];

const colours = {
  good: "green",
  failed: "red",
  waiting: "yellow",
  suspended: "yellow",
  moving: "cyan",
} as const satisfies Record<Standing, string>;

/** The table of a run under way: one line per object, none wider than the terminal. */
export function renderLive(rows: readonly Row[], layout: LiveLayout): string[] {
  const bar = layout.columns >= 120 ? 16 : layout.columns >= 70 ? 8 : 0;
  const cells = rows.map((row) => cellsOf(row, bar, layout.colour));
  const lines = renderTable(tableColumns, cells, { columns: layout.columns });
  if (layout.lines === undefined || lines.length <= layout.lines) return lines;
  const hidden = lines.length - layout.lines + 1;
  return [...lines.slice(0, layout.lines - 1), `… and ${hidden} more`];
}

function cellsOf(row: Row, bar: number, colour: boolean): Cell[] {
  const paint = (text: string) => (colour ? styleText(colours[row.standing], text, { validateStream: false }) : text);
  return [
    { text: row.object },
    { text: row.state, paint },
    { text: row.share === undefined ? "" : progressBar(row.share, bar) },
    { text: row.figure },
    { text: row.eta },
    { text: row.message },
  ];
}

const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** `width` cells of bar in steps of an eighth, then the percentage. 100% only when all is done. */
export function progressBar(share: number, width: number): string {
  const percent = `${share >= 1 ? 100 : Math.min(99, Math.floor(share * 100))}%`.padStart(4);
  if (width === 0) return percent.trim();
  const filled = Math.min(width * 8, Math.floor(share * width * 8));
  const blocks = "█".repeat(Math.floor(filled / 8)) + eighths[filled % 8];
  return `${blocks.padEnd(width, "░")} ${percent}`;
}
