import { type Event, lastSeen } from "../../cluster/objects.ts";
import { type AnyObject, rootCondition, title } from "../kinds.ts";
import { renderTable } from "../terminal/table.ts";
import { age } from "../terminal/units.ts";
import { pad, widthOf, wrap } from "../terminal/width.ts";
import * as show from "./facts.ts";

interface View {
  columns: number;
  now: number;
}

type Part = (object: AnyObject, events: readonly Event[], view: View) => string[];

/** The parts of a description below its heading, in order. */
const parts = {
  spec: ({ spec }, _, { columns }) => factList("Spec", specFacts(spec), columns),
  plan: ({ status = {} }, _, { columns }) => factList("Plan", show.plan(status), columns),
  progress: ({ status = {} }, _, { columns, now }) =>
    factList("Progress", show.progress(status, now), columns),
  artifact: ({ status = {} }, _, { columns }) => [
    ...factList("Artifact", show.artifact(status.artifact), columns),
    ...factList("Served", show.artifact(status.served), columns),
    ...factList("Being rolled out", show.artifact(status.rollingOut), columns),
  ],
  stages: ({ status = {} }, _, { columns }) => tableLines(show.stages(status), columns),
  attempts: ({ status = {} }, _, { columns, now }) => tableLines(show.attempts(status, now), columns),
  funnel: ({ status = {} }, _, { columns }) => tableLines(show.funnel(status), columns),
  figures: ({ status = {} }, _, { columns }) => [
    ...factList("Figures", show.stageFigures(status), columns),
    ...tableLines(show.scores(status), columns),
    ...tableLines(show.positionLosses(status), columns),
  ],
  conditions: ({ status = {} }, _, { columns, now }) => tableLines(show.conditions(status, now), columns),
  events: (_, events, view) => tableLines(eventTable(events, view.now), view.columns),
} as const satisfies Record<string, Part>;

export type PartName = keyof typeof parts;

export const partNames = Object.keys(parts) as PartName[];

/**
 * Everything about one object, for a person: from "is it well" down to what happened when; or one part of it
 * under its name.
 */
export function describeObject(
  object: AnyObject,
  events: readonly Event[],
  view: View,
  only?: PartName,
): string[] {
  if (only !== undefined) return [title(object), ...parts[only](object, events, view).slice(1)];
  return [...heading(object, view), ...partNames.flatMap((name) => parts[name](object, events, view))];
}

function heading(object: AnyObject, { columns, now }: { columns: number; now: number }): string[] {
  const { namespace, generation, creationTimestamp, deletionTimestamp } = object.metadata;
  const root = rootCondition(object);
  const about = [
    `namespace ${namespace}`,
    generation && `generation ${generation}`,
    `${age(creationTimestamp, now)} old`,
  ];
  if (deletionTimestamp) about.push("being deleted");
  const state = root
    ? `${root.type} is ${root.status}: ${root.reason}: ${root.message}`
    : "not looked at by the operator yet";
  const url = object.status?.url;
  return [
    title(object),
    ...indented(about.filter(Boolean).join(", "), columns),
    ...indented(state, columns),
    ...(url ? [`  ${url}`] : []),
  ];
}

/** One line per field of the spec, with its inner fields on that line. */
function specFacts(spec: Record<string, unknown>): show.Fact[] {
  return Object.entries(spec).map(([name, value]) => [name, inline(value)]);
}

function inline(value: unknown): string {
  if (Array.isArray(value) && value.length === 0) return "[]";
  if (Array.isArray(value))
    return value.map((entry) => (isObject(entry) ? `{ ${inline(entry)} }` : inline(entry))).join(", ");
  if (!isObject(value)) return String(value);
  return Object.entries(value)
    .map(([name, entry]) => (isObject(entry) ? `${name} { ${inline(entry)} }` : `${name} ${inline(entry)}`))
    .join(", ");
}

const isObject = (value: unknown): value is object =>
  value !== null && typeof value === "object" && !Array.isArray(value);

function factList(name: string, facts: readonly show.Fact[], columns: number): string[] {
  if (facts.length === 0) return [];
  const width = Math.max(...facts.map(([field]) => widthOf(field)));
  const lines = facts.flatMap(([field, value]) => {
    const [first = "", ...rest] = wrap(value, Math.max(20, columns - width - 4));
    return [`  ${pad(field, width)}  ${first}`, ...rest.map((line) => `  ${pad("", width)}  ${line}`)];
  });
  return ["", name, ...lines];
}

function tableLines(table: show.FactTable | undefined, columns: number): string[] {
  if (table === undefined) return [];
  const lines = renderTable(table.columns, table.rows, { columns: columns - 2 });
  return ["", table.title, ...lines.map((line) => `  ${line}`)];
}

function eventTable(events: readonly Event[], now: number): show.FactTable | undefined {
  const sorted = events.toSorted(byTime).slice(-newest);
  return show.tableOf(
    "Events",
    ["AGE#", "TYPE", "REASON", "NOTE"],
    sorted.map((event) => [age(lastSeen(event), now), event.type, event.reason, event.note]),
  );
}

const newest = 20;

/** Events of one instant in the order they were written, which the local cluster's versions count. */
const byTime = (a: Event, b: Event) =>
  Date.parse(lastSeen(a)) - Date.parse(lastSeen(b)) ||
  Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion);

const indented = (text: string, columns: number) =>
  wrap(text, Math.max(20, columns - 2)).map((line) => `  ${line}`);
