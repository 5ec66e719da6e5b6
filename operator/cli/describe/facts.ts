import { formatDuration } from "../../clock/duration.ts";
import type { AnyStatus } from "../kinds.ts";
import type { Cell, Column } from "../terminal/table.ts";
import { age, bytes, count, figure } from "../terminal/units.ts";

/** Parts of a status as small tables and lists. Each gives nothing when the status has no such part. */

export interface FactTable {
  title: string;
  columns: Column[];
  rows: Cell[][];
}

type Text = string | number | undefined;

/**
 * A title that ends in # heads numbers, aligned right; the other columns can be cut, and the last one of text
 * is told whole, on several lines. Columns of `dispensable` are left out on a narrow terminal, the first one
 * first.
 */
export function tableOf(
  title: string,
  columns: readonly string[],
  rows: readonly (readonly Text[])[],
  dispensable: readonly string[] = [],
): FactTable | undefined {
  if (rows.length === 0) return undefined;
  const made = columns.map((name, index): Column => {
    const numeric = name.endsWith("#");
    const drop = dispensable.includes(name) ? dispensable.length - dispensable.indexOf(name) : undefined;
    return numeric
      ? { title: name.slice(0, -1), align: "right", drop }
      : {
          title: name,
          least: index === columns.length - 1 ? 24 : 12,
          drop,
          wraps: index === columns.length - 1,
        };
  });
  return { title, columns: made, rows: rows.map((row) => row.map((text) => ({ text: String(text ?? "") }))) };
}

export const conditions = (status: AnyStatus, now: number): FactTable | undefined =>
  tableOf(
    "Conditions",
    ["TYPE", "STATUS", "REASON", "SINCE#", "MESSAGE"],
    (status.conditions ?? []).map((one) => [
      one.type,
      one.status,
      one.reason,
      age(one.lastTransitionTime, now),
      one.message,
    ]),
    ["SINCE#"],
  );

export const stages = (status: AnyStatus): FactTable | undefined =>
  tableOf(
    "Stages",
    ["STAGE", "STATE", "TOOK#"],
    (status.stages ?? []).map((stage) => [
      stage.name,
      stage.state,
      span(stage.startTime, stage.completionTime),
    ]),
  );

export const attempts = (status: AnyStatus, now: number): FactTable | undefined =>
  tableOf(
    "Attempts",
    ["STAGE", "NUMBER#", "AGE#", "TOOK#", "EXIT#", "FROM STEP#", "REASON", "MESSAGE"],
    (status.attempts ?? []).map((one) => [
      one.stage,
      one.number,
      age(one.startTime, now),
      span(one.startTime, one.endTime),
      one.exitCode,
      one.resumedFromStep,
      one.reason ?? "Running",
      one.message,
    ]),
    ["AGE#", "FROM STEP#", "EXIT#"],
  );

export const funnel = (status: AnyStatus): FactTable | undefined =>
  tableOf(
    "Funnel",
    ["STEP", "LANGUAGE", "IN#", "OUT#", "KEPT#", "BYTES IN#", "BYTES OUT#", "DROPPED"],
    (status.funnel ?? []).map((row) => [
      row.step,
      row.language,
      row.documentsIn,
      row.documentsOut,
      row.documentsIn === 0 ? "" : `${((100 * row.documentsOut) / row.documentsIn).toFixed(1)}%`,
      bytes(row.bytesIn),
      bytes(row.bytesOut),
      Object.entries(row.dropped)
        .sort(([, a], [, b]) => b - a)
        .map(([reason, documents]) => `${reason} ${documents}`)
        .join(", "),
    ]),
    ["BYTES IN#", "BYTES OUT#", "IN#"],
  );

export const scores = (status: AnyStatus): FactTable | undefined =>
  tableOf(
    "Scores",
    ["SUITE", "METRIC", "SCORE#", "95% INTERVAL#", "ITEMS#"],
    (status.scores ?? []).map((one) => [
      one.suite,
      one.metric,
      figure(one.value),
      `${figure(one.low)} to ${figure(one.high)}`,
      one.count,
    ]),
  );

/** Positions down, models across: the figure that shows what an extension did. */
export function positionLosses(status: AnyStatus): FactTable | undefined {
  const all = status.positionLosses ?? [];
  const labels = [...new Set(all.map((one) => one.label))];
  const bins = [...new Map(all.map((one) => [`${one.from}-${one.to - 1}`, one.from]))].sort(
    ([, a], [, b]) => a - b,
  );
  const rows = bins.map(([bin, from]) => [
    bin,
    ...labels.map((label) => {
      const found = all.find((one) => one.label === label && one.from === from);
      return found ? figure(found.loss) : "";
    }),
  ]);
  return tableOf("Loss by token position", ["POSITION#", ...labels.map((label) => `${label}#`)], rows);
}

export type Fact = readonly [name: string, value: string];

export function stageFigures(status: AnyStatus): Fact[] {
  return facts(
    Object.fromEntries((status.stages ?? []).map((stage) => [stage.name, metricText(stage.metrics)])),
  );
}

export function plan(status: AnyStatus): Fact[] {
  return status.plan ? planFacts(status.plan) : [];
}

export function planFacts(plan: NonNullable<AnyStatus["plan"]>): Fact[] {
  return facts({
    parameters: plan.parameters && count(plan.parameters),
    steps: plan.steps,
    tokens: plan.tokens && count(plan.tokens),
    ranks: plan.ranks,
    "memory per rank":
      plan.memoryPerRankBytes && memoryText(plan.memoryPerRankBytes, plan.memoryLimitPerRankBytes),
    checkpoint: plan.checkpointBytes && bytes(plan.checkpointBytes),
    time: plan.estimatedSeconds && formatDuration(plan.estimatedSeconds),
  });
}

const memoryText = (needed: number, limit: number | undefined) =>
  bytes(needed) + (limit === undefined ? "" : ` of ${bytes(limit)}`);

export function progress(status: AnyStatus, now: number): Fact[] {
  const one = status.progress;
  if (one === undefined) return [];
  return facts({
    stage: one.stage,
    [one.unit]: one.total > 0 ? `${one.step} of ${one.total}` : one.step || undefined,
    "whole run": one.percent,
    "time left": one.eta,
    checkpoint: one.checkpointStep === undefined ? "" : `at step ${one.checkpointStep}`,
    figures: metricText(one.metrics),
    updated: `${age(one.updateTime, now)} ago`,
  });
}

export function artifact(one: AnyStatus["artifact"]): Fact[] {
  if (one === undefined) return [];
  return facts({
    type: one.type,
    digest: one.digest,
    location: `${one.path} on claim ${one.claimName}`,
    size: bytes(one.sizeBytes),
    tokens: one.tokens && count(one.tokens),
    parameters: one.parameters && count(one.parameters),
    vocabulary: one.vocabularySize,
    "context length": one.contextLength,
    tokenizer: one.tokenizerDigest,
    ...Object.fromEntries(
      one.parents.map((parent) => [
        `from ${parent.name}`,
        [parent.reference, parent.digest].filter(Boolean).join("  "),
      ]),
    ),
  });
}

function facts(named: Record<string, string | number | undefined>): Fact[] {
  return Object.entries(named).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, String(value)] as const],
  );
}

const metricText = (metrics: readonly { name: string; value: string }[] = []) =>
  metrics.map(({ name, value }) => `${name} ${figure(value)}`).join(", ");

const span = (from: string | undefined, to: string | undefined) =>
  from && to ? formatDuration((Date.parse(to) - Date.parse(from)) / 1000) : "";
