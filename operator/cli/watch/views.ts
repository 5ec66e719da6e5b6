import type { Event } from "../../cluster/objects.ts";
import { type AnyObject, rootCondition, title } from "../kinds.ts";
import { printable } from "../terminal/printable.ts";
import { Screen, type Terminal } from "../terminal/terminal.ts";
import { wrap } from "../terminal/width.ts";
import { renderLive, rowOf } from "./live-table.ts";
import type { StoreListener } from "./store.ts";

/** How a run under way is shown. */
export interface View extends StoreListener {
  /** Something a person should know that no object tells. */
  onNotice(sentence: string): void;
  /** Called a few times a second with the newest state of all objects. */
  tick(objects: readonly AnyObject[]): void;
  /** Called once, with the last state. */
  finish(objects: readonly AnyObject[]): void;
}

/** A table that is drawn over in place; Warnings scroll by above it, and the last table stays. */
export function liveView(stream: NodeJS.WriteStream, terminal: Terminal, now: () => number): View {
  const screen = new Screen(stream);
  const draw = (objects: readonly AnyObject[], lines?: number) => {
    const rows = objects.map((object) => rowOf(object, now()));
    screen.draw(renderLive(rows, { columns: screen.columns - 1, colour: terminal.colour, lines }));
  };
  return {
    onObject() {},
    onWarning: (event) => screen.print(wrap(printable(warningText(event)), screen.columns - 1)),
    onNotice: (sentence) => screen.print(wrap(printable(sentence), screen.columns - 1)),
    tick: (objects) => draw(objects, screen.room),
    finish(objects) {
      draw(objects);
      screen.finish();
    },
  };
}

/** One JSON object per change of status or Warning. */
export function jsonView(terminal: Terminal, now: () => number): View {
  const time = () => new Date(now()).toISOString();
  const print = onChange(
    (object) => JSON.stringify(statusLine(object)),
    (object) => {
      terminal.json({ time: time(), type: "status", ...statusLine(object) });
    },
  );
  return {
    onObject: print,
    onWarning({ regarding: { kind, name, namespace }, reason, note }) {
      terminal.json({ time: time(), type: "warning", kind, name, namespace, reason, message: note });
    },
    onNotice(message) {
      terminal.json({ time: time(), type: "notice", message });
    },
    tick() {},
    finish() {},
  };
}

const plainMilliseconds = 10_000;

/**
 * For a log that people read: a line at every change of reason or stage, one every 10 s for the steps between,
 * and the table at the end.
 */
export function plainView(terminal: Pick<Terminal, "print" | "columns">, now: () => number): View {
  const clock = () => new Date(now()).toISOString().slice(11, 19);
  const printed = new Map<string, { state: string; line: string; at: number }>();
  const onObject = (object: AnyObject) => {
    const [state, line, at] = [standstill(object), plainLine(object, now()), now()];
    const last = printed.get(object.metadata.uid);
    const isProgress = last?.state === state;
    if (isProgress && (last.line === line || at - last.at < plainMilliseconds)) return;
    printed.set(object.metadata.uid, { state, line, at });
    terminal.print(`${clock()}  ${line}`);
  };
  return {
    onObject,
    onWarning: (event) => terminal.print(`${clock()}  ${warningText(event)}`),
    onNotice: (sentence) => terminal.print(`${clock()}  ${sentence}`),
    // The last step of a burst is told too, when its time has come.
    tick: (objects) => objects.forEach(onObject),
    finish(objects) {
      const rows = objects.map((object) => rowOf(object, now()));
      terminal.print("", ...renderLive(rows, { columns: terminal.columns, colour: false }));
    },
  };
}

/** What has to change before a plain log prints a line: not the step, nor a message that counts steps. */
function standstill(object: AnyObject): string {
  const { status, reason, stage } = statusLine(object);
  return [status, reason, stage].join(" ");
}

function onChange(
  key: (object: AnyObject) => string,
  show: (object: AnyObject) => void,
): (object: AnyObject) => void {
  const last = new Map<string, string>();
  return (object) => {
    const now = key(object);
    if (last.get(object.metadata.uid) === now) return;
    last.set(object.metadata.uid, now);
    show(object);
  };
}

function warningText({ regarding, reason, note }: Event): string {
  return `Warning: ${regarding.kind}/${regarding.name}: ${reason}: ${note}`;
}

/** What a program reads while a run is under way: one JSON object per change of status. */
interface StatusLine {
  kind: string;
  name: string;
  namespace: string;
  status: "True" | "False" | "Unknown";
  reason: string;
  message: string;
  stage?: string;
  step?: number;
  total?: number;
  unit?: string;
  percent?: string;
  metrics?: Record<string, number>;
  url?: string;
}

function statusLine(object: AnyObject): StatusLine {
  const root = rootCondition(object);
  const { progress, url } = object.status ?? {};
  return {
    kind: object.kind,
    name: object.metadata.name,
    namespace: object.metadata.namespace,
    status: root?.status ?? "Unknown",
    reason: root?.reason ?? "Pending",
    message: root?.message ?? "",
    stage: progress?.stage,
    step: progress?.step,
    total: progress?.total,
    unit: progress?.unit,
    percent: progress?.percent,
    metrics: progress && Object.fromEntries(progress.metrics.map(({ name, value }) => [name, Number(value)])),
    url,
  };
}

/** The same for a log that people read. */
function plainLine(object: AnyObject, now: number): string {
  const { state, share, message, figure } = rowOf(object, now);
  const percent = share === undefined || share >= 1 ? "" : `${Math.floor(share * 100)}%`;
  const rest = [percent, message, figure].filter((part) => part !== "");
  return `${title(object)}: ${[state, ...rest].join(", ")}`;
}
