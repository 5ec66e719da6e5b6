import type { Comparison, Idle, Large } from "./comparison.ts";
import { median } from "./figures.ts";
import { longestStartSeconds } from "./subject.ts";
import type { Trial } from "./trial.ts";

/**
 * The figures as a table of Markdown: one row for each figure, one column for each operator; median (least to
 * most) of the rounds.
 */
export function table({ trials, idle, large }: Comparison, candidates: readonly string[]): string {
  const rows: string[][] = [
    ["", ...candidates],
    ["---", ...candidates.map(() => "---")],
  ];
  const row = (label: string, cell: (candidate: string) => string) =>
    rows.push([label, ...candidates.map(cell)]);
  const perTrial = (label: string, figure: (trial: Trial) => number | null | undefined, digits: number) =>
    row(label, (candidate) =>
      spread(trials.filter((trial) => trial.candidate === candidate).map(figure), digits),
    );

  perTrial("burst: objects/s until all are reconciled", ({ burst }) => burst.perSecond, 0);
  perTrial("burst: creation to first effect, p50, ms", ({ burst }) => burst.p50, 0);
  perTrial("burst: creation to first effect, p99, ms", ({ burst }) => burst.p99, 0);
  perTrial("paced: creation to first effect, p50, ms", ({ paced }) => paced.p50, 1);
  perTrial("paced: creation to first effect, p99, ms", ({ paced }) => paced.p99, 1);
  perTrial("API calls for each object", ({ burst }) => burst.callsPerObject, 2);
  for (const kind of kindsOf(trials.map(({ burst }) => burst.calls)))
    perTrial(`– ${kind}`, ({ burst }) => burst.calls[kind] ?? 0, 3);
  perTrial("processor seconds for 1,000 objects", ({ burst }) => burst.cpuSeconds, 2);
  perTrial("start until seen to, no objects, s", ({ empty }) => empty.seconds, 2);
  perTrial("start until seen to, beside the burst's, s", ({ restart }) => restart.seconds, 2);
  perTrial("– writes of converged objects at that start", ({ restart }) => sum(restart.writes), 0);
  perTrial("calls of a forced resync of all", ({ resync }) => resync && sum(resync.calls), 0);
  perTrial("resident memory, no objects, MiB", ({ empty }) => empty.memory.rss, 0);
  perTrial("resident memory after the burst, MiB", ({ burst }) => burst.memory.rss, 0);
  perTrial("resident memory after a restart beside them, MiB", ({ restart }) => restart.memory.rss, 0);
  perTrial("– proportional (PSS)", ({ restart }) => restart.memory.pss, 0);
  const one = <T extends { candidate: string }>(
    all: readonly T[],
    label: string,
    cell: (found: T) => string,
  ) => {
    if (all.length === 0) return;
    row(label, (candidate) => {
      const found = all.find((entry) => entry.candidate === candidate);
      return found === undefined ? "–" : cell(found);
    });
  };
  one<Idle>(idle, "idle: processor, % of a core", ({ cpuSeconds, seconds }) =>
    ((cpuSeconds * 100) / seconds).toFixed(2),
  );
  one<Idle>(idle, "idle: API calls a minute", ({ calls, seconds }) => callsAMinute(calls, seconds));
  const [{ objects = 0 } = {}] = large;
  one<Large>(large, `resident memory after making ${objects}, MiB`, ({ memory }) => memory.rss.toFixed(0));
  one<Large>(large, `resident memory after a restart beside ${objects}, MiB`, ({ restart }) =>
    restart.memory.rss.toFixed(0),
  );
  one<Large>(large, "– proportional (PSS)", ({ restart }) => restart.memory.pss.toFixed(0));
  one<Large>(large, `start until seen to, beside ${objects}, s`, ({ restart: { seconds } }) =>
    spread([seconds], 2),
  );
  one<Large>(large, "– writes of converged objects at that start", ({ restart }) =>
    String(sum(restart.writes)),
  );
  return rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Undefined: there is no such figure; null: it is longer than was waited for. */
function spread(values: readonly (number | null | undefined)[], digits: number): string {
  if (values.includes(null)) return `> ${longestStartSeconds}`;
  const known = values.filter((value) => typeof value === "number");
  if (known.length === 0) return "–";
  const [middle, least, most] = [median(known), Math.min(...known), Math.max(...known)].map((value) =>
    value.toFixed(digits),
  );
  return least === most ? `${middle}` : `${middle} (${least} to ${most})`;
}

function callsAMinute(calls: Record<string, number>, seconds: number): string {
  const parts = Object.entries(calls).map(
    ([kind, count]) => `${((count * 60) / seconds).toFixed(0)} ${kind}`,
  );
  return parts.length === 0 ? "none" : parts.join(", ");
}

export const sum = (counts: Record<string, number>) =>
  Object.values(counts).reduce((total, count) => total + count, 0);

const kindsOf = (counts: readonly Record<string, number>[]) =>
  [...new Set(counts.flatMap(Object.keys))].toSorted();
