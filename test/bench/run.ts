import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { defaultWorkers } from "../../operator/api/configuration.ts";
import { type Candidate, controllerRuntime, kopf, tanren, tanrenOperator } from "./candidates.ts";
import { compare, withLaboratory } from "./comparison.ts";
import { table } from "./report.ts";
import type { Sizes } from "./trial.ts";

/** The comparison as one command; see docs/benchmarks.md. */

const usage = `Measures an operator written on Tanren's runtime beside the same one in controller-runtime and in kopf.

  --quick            small sizes, one round: a check of the bench, not a measurement
  --rounds N         rounds, in turns (3)
  --burst N          objects made at once (1000)
  --paced N          objects made one after another (100)
  --large N          objects in the largest measurement, 0 to leave it out (5000)
  --idle N           seconds of standing idle (60)
  --workers N        objects that Tanren and controller-runtime reconcile at once (${defaultWorkers}); kopf knows no fitting limit
  --only NAME,...    tanren, controller-runtime, kopf: the same operator on each; tanren-operator: the project's own, one round
  --record FILE      writes the tables into this Markdown file, between its two marks
  --output FILE      figures as JSON (build/bench/operators.json)
`;

export const quick: Sizes = {
  rounds: 1,
  burst: 100,
  paced: 20,
  pacedPerSecond: 20,
  large: 0,
  idleSeconds: 5,
  settleSeconds: 1,
};

const full: Sizes = {
  rounds: 3,
  burst: 1000,
  paced: 100,
  pacedPerSecond: 20,
  large: 5000,
  idleSeconds: 60,
  settleSeconds: 5,
};

/** The same operator on each framework. */
const frameworks = { tanren, "controller-runtime": controllerRuntime, kopf };
const makers: Record<string, (workers: number) => Promise<Candidate>> = {
  ...frameworks,
  "tanren-operator": tanrenOperator,
};

export async function prepare(
  names: readonly string[] = Object.keys(frameworks),
  workers = defaultWorkers,
): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const name of names) {
    const make = makers[name];
    if (make === undefined)
      throw new Error(`--only: there is no ${name}; there are ${Object.keys(makers).join(", ")}`);
    candidates.push(await make(workers));
  }
  return candidates;
}

async function main(): Promise<void> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      help: { type: "boolean" },
      quick: { type: "boolean" },
      rounds: text,
      burst: text,
      paced: text,
      large: text,
      idle: text,
      workers: text,
      only: text,
      record: text,
      output: { type: "string", default: "build/bench/operators.json" },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const base = values.quick ? quick : full;
  const sizes: Sizes = {
    ...base,
    rounds: count("rounds", values.rounds, base.rounds),
    burst: count("burst", values.burst, base.burst),
    paced: count("paced", values.paced, base.paced),
    large: count("large", values.large, base.large),
    idleSeconds: count("idle", values.idle, base.idleSeconds),
  };
  const say = (line: string) => process.stderr.write(`${line}\n`);
  say("preparing the operators (built or installed once, then from the cache)");
  // Ends the operators too, and the control plane when it misses its owner.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  const workers = count("workers", values.workers, defaultWorkers);
  const names = values.only?.split(",") ?? Object.keys(makers);
  const [peers, own] = [
    await prepare(
      names.filter((name) => name in frameworks),
      workers,
    ),
    await prepare(
      names.filter((name) => !(name in frameworks)),
      workers,
    ),
  ];
  const comparison = await withLaboratory(async (laboratory) => ({
    tasks: await compare(laboratory, peers, sizes, say),
    pretrainRuns: await compare(laboratory, own, { ...sizes, rounds: 1 }, say),
  }));
  const machine = describeMachine();
  const versions = Object.fromEntries([...peers, ...own].map(({ name, version }) => [name, version]));
  mkdirSync(dirname(values.output), { recursive: true });
  const record = { date: new Date().toISOString(), machine, versions, sizes, workers, ...comparison };
  writeFileSync(values.output, `${JSON.stringify(record, null, 2)}\n`);
  const day = record.date.slice(0, 10);
  const tables = [[comparison.tasks, peers] as const, [comparison.pretrainRuns, own] as const]
    .filter(([, candidates]) => candidates.length > 0)
    .map(([of, candidates]) =>
      table(
        of,
        candidates.map(({ name }) => name),
      ),
    );
  const report = [`${day}, ${machine}. ${[...new Set(Object.values(versions))].join("; ")}.`, ...tables].join(
    "\n\n",
  );
  process.stdout.write(`${report}\n`);
  if (values.record !== undefined) recordIn(values.record, report);
  say(`figures of every round: ${values.output}`);
}

/** Puts the report where the file has its marks. */
function recordIn(file: string, report: string): void {
  const [begin, end] = ["<!-- operators: begin -->", "<!-- operators: end -->"];
  const before = readFileSync(file, "utf8");
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`--record: ${file} has no lines ${begin} and ${end}`);
  writeFileSync(file, `${before.slice(0, from)}${begin}\n${report}\n${before.slice(to)}`);
}

function count(flag: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^\d+$/.test(text)) throw new Error(`--${flag}: give a whole number, not ${text}`);
  return Number(text);
}

function describeMachine(): string {
  const [first] = cpus();
  const load = readFileSync("/proc/loadavg", "utf8").split(" ")[0];
  return `${cpus().length} x ${first?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, load at the end ${load}`;
}

if (import.meta.main) await main();
