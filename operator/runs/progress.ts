import type { z } from "zod";
import { timestamp } from "../clock/clock.ts";
import { formatDuration } from "../clock/duration.ts";
import { isFinished } from "../cluster/conditions.ts";
import type { Job, Pod } from "../cluster/objects.ts";
import {
  type FunnelRow as FunnelRowSchema,
  mostDropReasons,
  mostMetrics,
  mostRows,
} from "../contract/result.ts";
import { controllerUid } from "../engine/names.ts";
import type { KernelProgress, KernelResult, RunProgress } from "../kinds/batch-kind.ts";

/** What programs report: how far they are while they run, and their results at the end. */

/** Asks a pod how far it is; undefined when it does not answer, which is no error. */
export type AskProgress = (podIP: string) => Promise<KernelProgress | undefined>;

/**
 * The pod that answers for the running attempt: index 0 of the Job that has not ended. A pod on its node's
 * network has the address of everything else there.
 */
export function leaderPod(jobs: readonly Job[], pods: readonly Pod[]): Pod | undefined {
  const running = jobs.filter((job) => !isFinished(job));
  const uids = new Set<string | undefined>(running.map((job) => job.metadata.uid));
  return pods.find(
    (pod) =>
      pod.status?.phase === "Running" &&
      pod.status.podIP !== undefined &&
      pod.metadata.deletionTimestamp === undefined &&
      pod.spec.hostNetwork !== true &&
      completionIndex(pod) === 0 &&
      uids.has(controllerUid(pod)),
  );
}

export function completionIndex(pod: Pod): number {
  const index = pod.metadata.annotations?.["batch.kubernetes.io/job-completion-index"];
  return Number(index ?? pod.metadata.labels?.["batch.kubernetes.io/job-completion-index"] ?? 0);
}

/** Where a stage stands among the others. */
export interface StageIndex {
  stage: string;
  /** From 0. */
  index: number;
  count: number;
}

export function initialProgress(place: StageIndex, now: Date): RunProgress {
  return {
    stage: place.stage,
    step: 0,
    total: 0,
    unit: "step",
    percent: percent(place, 0),
    eta: "",
    metrics: [],
    updateTime: timestamp(now),
  };
}

/** Progress as status has it; while the program does not answer the last answer stands. */
export function updatedProgress(
  old: RunProgress | undefined,
  said: KernelProgress | undefined,
  place: StageIndex,
  now: Date,
): RunProgress {
  const before = old?.stage === place.stage ? old : initialProgress(place, now);
  if (said === undefined) return before;
  const share = said.total > 0 ? Math.min(1, said.step / said.total) : 0;
  const checkpointStep = said.checkpoint_step ?? before.checkpointStep;
  return {
    stage: place.stage,
    step: said.step,
    total: said.total,
    unit: said.unit,
    percent: percent(place, share),
    eta: eta(said),
    checkpointStep,
    metrics: metricList(said.metrics),
    updateTime: said.updated,
    lastStepTime:
      said.step === before.step && before.lastStepTime !== undefined ? before.lastStepTime : timestamp(now),
  };
}

/** Progress of a completed stage: its final metrics, beside those only the running program reported. */
export function finalProgress(
  old: RunProgress,
  place: StageIndex,
  metrics: Readonly<Record<string, number>>,
): RunProgress {
  const final = metricList(metrics);
  const others = old.metrics.filter(({ name }) => !Object.hasOwn(metrics, name));
  const kept = others.slice(0, Math.max(0, mostMetrics - final.length));
  return {
    ...old,
    ...(old.total > 0 && { step: old.total }),
    percent: percent(place, 1),
    eta: "",
    metrics: [...kept, ...final].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** Stages count alike: how their lengths compare is not known beforehand. */
function percent({ index, count }: StageIndex, share: number): string {
  return `${Math.floor((100 * (index + share)) / count)}%`;
}

/** Seconds beyond which nobody believes a forecast: ten years. */
const longestEta = 315_360_000;

/** Time left at the rate of this process so far, e.g. 4m10s; empty while there is no rate. */
function eta({ step, total, since, updated, resumed_from_step = 0 }: KernelProgress): string {
  const seconds = (Date.parse(updated) - Date.parse(since)) / 1000;
  const done = step - resumed_from_step;
  if (total < step || done <= 0 || !(seconds > 0)) return "";
  const left = Math.ceil(((total - step) * seconds) / done);
  return left < longestEta ? formatDuration(left) : "";
}

/** Metrics as status has them: decimal strings of at most six digits, by name. */
export function metricList(metrics: Readonly<Record<string, number>>): { name: string; value: string }[] {
  return Object.entries(metrics)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({
      name,
      value: Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6))),
    }));
}

type FilterStatistics = z.output<typeof FunnelRowSchema>;

/**
 * The result of a stage from those of its pods, by index. A gang answers through index 0; independent pods
 * each did a part: the counts of their filter statistics are added, and the rest is index 0's.
 */
export function stageResult(
  results: readonly [KernelResult, ...KernelResult[]],
  coupling: "gang" | "independent",
): KernelResult {
  const [first, ...others] = results;
  if (coupling === "gang" || others.length === 0 || first.funnel === undefined) return first;
  return { ...first, funnel: shortened(addStatistics(results.flatMap((result) => result.funnel ?? []))) };
}

/** Of all rows together: they are kept in a ConfigMap and in status. */
const longestStatistics = 65_536;

/** Rows whose names of reasons are longer than any kernel's lose them. */
function shortened(rows: readonly FilterStatistics[]): FilterStatistics[] {
  if (JSON.stringify(rows).length <= longestStatistics) return [...rows];
  return rows.map((row) => ({
    ...row,
    dropped: { other: Object.values(row.dropped).reduce((sum, count) => sum + count, 0) },
  }));
}

function addStatistics(rows: readonly FilterStatistics[]): FilterStatistics[] {
  const sums = new Map<string, FilterStatistics>();
  for (const row of rows) {
    const key = `${row.step}/${row.language}`;
    const sum = sums.get(key);
    if (sum !== undefined) sums.set(key, addRows(sum, row));
    else if (sums.size < mostRows) sums.set(key, row);
  }
  return [...sums.values()];
}

function addRows(sum: FilterStatistics, row: FilterStatistics): FilterStatistics {
  const dropped = new Map(Object.entries(sum.dropped));
  for (const [said, count] of Object.entries(row.dropped)) {
    // Pods that each name reasons of their own must not make the sum as large as all of them.
    const reason = dropped.has(said) || dropped.size < mostDropReasons - 1 ? said : "other";
    dropped.set(reason, (dropped.get(reason) ?? 0) + count);
  }
  return {
    ...sum,
    documents_in: sum.documents_in + row.documents_in,
    documents_out: sum.documents_out + row.documents_out,
    bytes_in: sum.bytes_in + row.bytes_in,
    bytes_out: sum.bytes_out + row.bytes_out,
    dropped: Object.fromEntries(dropped),
  };
}
