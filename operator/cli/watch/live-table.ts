import { styleText } from "node:util";
import type { Phase, Reason } from "../../api/reasons.ts";
import { formatDuration } from "../../clock/duration.ts";
import { type AnyObject, endpointOf, rootCondition, title } from "../kinds.ts";
import { type Cell, type Column, renderTable } from "../terminal/table.ts";
import { figure } from "../terminal/units.ts";
import { isMoving, phaseOf } from "./phase.ts";

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
  done: "green",
  failed: "red",
  blocked: "red",
  waiting: "yellow",
  suspended: "yellow",
  running: "cyan",
} as const satisfies Record<Phase, string>;

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
  const paint = (text: string) =>
    colour ? styleText(colours[row.phase], text, { validateStream: false }) : text;
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

/** One line of the live table, before it is drawn. */
export interface Row {
  object: string;
  phase: Phase;
  /** Reason of the root condition; with the stage while one runs. */
  state: string;
  /** 0 to 1; undefined while there is nothing to measure. */
  share?: number;
  /** The one number that says how good: loss, score, or replicas. */
  figure: string;
  eta: string;
  message: string;
}

export function rowOf(object: AnyObject, now: number): Row {
  const phase = phaseOf(object);
  return {
    object: title(object),
    phase,
    state: stateOf(object, phase),
    share: shareOf(object, phase),
    figure: figureOf(object),
    eta: isRunning(object) ? (object.status?.progress?.eta ?? "") : "",
    message: messageOf(object, phase, now),
  };
}

const isRunning = (object: AnyObject): boolean =>
  rootCondition(object)?.reason === ("Running" satisfies Reason);

function stateOf(object: AnyObject, phase: Phase): string {
  const root = rootCondition(object);
  if (object.metadata.deletionTimestamp !== undefined) return "Deleting" satisfies Reason;
  if (root === undefined) return "Pending" satisfies Reason;
  if (phase === "done" && root.type === "Succeeded") return root.type;
  if (phase === "done" && endpointOf(object) !== undefined) return root.type;
  if (object.status?.passed === false) return "NotPassed";
  const stage = object.status?.progress?.stage;
  return isRunning(object) && stage !== undefined ? `Running ${stage}` : root.reason;
}

function shareOf(object: AnyObject, phase: Phase): number | undefined {
  // A bar of nothing beside the word that it waits would say the same twice.
  if ((phase === "waiting" || phase === "blocked") && !isMoving(object)) return undefined;
  const { progress, readyReplicas } = object.status ?? {};
  const replicas = object.spec.replicas;
  if (typeof readyReplicas === "number" && typeof replicas === "number" && replicas > 0)
    return readyReplicas / replicas;
  if (phase === "done") return progress === undefined ? undefined : 1;
  const percent = Number.parseFloat(progress?.percent ?? "");
  return Number.isNaN(percent) ? undefined : Math.min(1, percent / 100);
}

function figureOf(object: AnyObject): string {
  const status = object.status;
  const score = status?.scores?.[0];
  if (score) return `score ${figure(score.value)}`;
  const loss = status?.progress?.metrics.find(({ name }) => name === "loss");
  return loss ? `loss ${figure(loss.value)}` : "";
}

function messageOf(object: AnyObject, phase: Phase, now: number): string {
  const { status } = object;
  const url = phase === "done" ? endpointOf(object) : undefined;
  if (url !== undefined) return url;
  if (phase === "done" && status?.startTime && status.completionTime) {
    return `in ${formatDuration((Date.parse(status.completionTime) - Date.parse(status.startTime)) / 1000)}`;
  }
  const progress = status?.progress;
  if (isRunning(object) && progress && progress.total > 0) {
    const silent = (now - Date.parse(progress.updateTime)) / 1000;
    const word = silent > 60 ? `, silent for ${formatDuration(silent)}` : "";
    return `${progress.unit} ${progress.step} of ${progress.total}${word}`;
  }
  return rootCondition(object)?.message ?? "";
}
