import { type Call, isCreated } from "./audit-log.ts";
import type { Workload } from "./workload.ts";

/** Figures as functions of the audit log. */

/** Calls that keep a process known rather than reconcile: its lease or peering record. */
const ofThePresence = new Set(["leases", "kopfpeerings"]);
const reads = new Set(["get", "list", "watch"]);

/** Calls by `verb resource`, with those that failed apart. */
export function callCounts(calls: readonly Call[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { verb, resource, code } of calls) {
    const kind = `${verb} ${resource}${code >= 400 ? ` (${code})` : ""}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).toSorted(([a], [b]) => a.localeCompare(b)));
}

/** Calls that reconcile. */
export const reconciling = (calls: readonly Call[]) =>
  calls.filter(({ resource, name }) => !ofThePresence.has(resource) && !tellsWhoLeads(resource, name));

/**
 * controller-runtime says in an Event of the Lease who leads now; where that fails, the log has no name for
 * it.
 */
const tellsWhoLeads = (resource: string, name: string) =>
  resource === "events" && (name === "" || name.startsWith("task-operator."));

export const writes = (calls: readonly Call[]) => calls.filter(({ verb }) => !reads.has(verb));

/** Milliseconds from each object's creation to the first effect. */
export function latencies(calls: readonly Call[], workload: Workload): number[] {
  const created = firstByName(calls, (call) => isCreated(call, workload.plural));
  return firstByName(calls, workload.isFirstEffect)
    .entries()
    .flatMap(([name, at]) => {
      const from = created.get(name);
      return from === undefined ? [] : [at - from];
    })
    .toArray();
}

/** Seconds from the first creation until every object has had its first effect and its first status. */
export function secondsUntilAllReconciled(calls: readonly Call[], workload: Workload): number {
  const created = firstByName(calls, (call) => isCreated(call, workload.plural));
  const effects = firstByName(calls, workload.isFirstEffect);
  const statuses = firstByName(
    calls,
    ({ verb, resource, code }) =>
      resource === `${workload.plural}/status` && !reads.has(verb) && code === 200,
  );
  const ends = created
    .keys()
    .flatMap((name) => [effects.get(name) ?? Number.NaN, statuses.get(name) ?? Number.NaN]);
  return (Math.max(...ends) - Math.min(...created.values())) / 1000;
}

function firstByName(calls: readonly Call[], wanted: (call: Call) => boolean): Map<string, number> {
  const times = new Map<string, number>();
  for (const call of calls) if (wanted(call) && !times.has(call.name)) times.set(call.name, call.at);
  return times;
}

/** The most calls that the API server had in its hands at once. */
export function mostAtOnce(calls: readonly Call[]): number {
  const edges = calls.flatMap(({ receivedAt, at }) => [
    { time: receivedAt, change: 1 },
    { time: at, change: -1 },
  ]);
  let [now, most] = [0, 0];
  for (const { change } of edges.toSorted((a, b) => a.time - b.time || a.change - b.change)) {
    now += change;
    most = Math.max(most, now);
  }
  return most;
}

/** The value below which a share of the values lies, by the nearest rank. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}
