import type { Call } from "./audit-log.ts";
import {
  callCounts,
  latencies,
  percentile,
  reconciling,
  secondsUntilAllReconciled,
  writes,
} from "./figures.ts";
import type { Memory } from "./operator-process.ts";
import { type Started, type Subject, sleep } from "./subject.ts";

export interface Sizes {
  rounds: number;
  /** Objects made at once. */
  burst: number;
  /** Objects made one after another. */
  paced: number;
  pacedPerSecond: number;
  /** Objects in the largest measurement; 0 leaves it out. */
  large: number;
  idleSeconds: number;
  /** Before memory is read: garbage collectors have their turn. */
  settleSeconds: number;
}

export interface Restart {
  seconds: Started["seconds"];
  /** Calls that read, by verb and resource. */
  reads: Record<string, number>;
  /** Writes of objects that were converged before: must be none. */
  writes: Record<string, number>;
  memory: Memory;
}

export interface Trial {
  candidate: string;
  empty: { seconds: Started["seconds"]; memory: Memory };
  burst: {
    /** Milliseconds from an object's creation to its first effect. */
    p50: number;
    p99: number;
    /** Objects a second until all had their first effect and their first status. */
    perSecond: number;
    /** Calls for each object, by verb and resource. */
    calls: Record<string, number>;
    callsPerObject: number;
    /** Processor seconds of the operator for a thousand objects. */
    cpuSeconds: number;
    memory: Memory;
  };
  restart: Restart;
  /** Where the operator can be asked for it: reconciles that ended, and the calls they made. */
  resync?: { reconciles: number; calls: Record<string, number> };
  paced: { p50: number; p99: number };
}

/**
 * One round of one operator, from an empty namespace to one with converged objects; the operator is stopped
 * at the end.
 */
export async function trial(subject: Subject, sizes: Sizes): Promise<Trial> {
  const started = await subject.start();
  await sleep(sizes.settleSeconds);
  const empty = { seconds: started.seconds, memory: subject.memory() };
  const burst = await measureBurst(subject, sizes);
  await subject.stop();
  const restart = await measureRestart(subject, sizes);
  const resync = subject.candidate.resyncs ? await measureResync(subject, sizes.burst) : undefined;
  const paced = await measurePaced(subject, sizes);
  await subject.stop();
  return { candidate: subject.candidate.name, empty, burst, restart, ...(resync && { resync }), paced };
}

async function measureBurst(subject: Subject, { burst, settleSeconds }: Sizes): Promise<Trial["burst"]> {
  const { workload } = subject.candidate;
  const names = numbered("burst", burst);
  const mark = subject.mark();
  const cpu = subject.cpuSeconds();
  await subject.objects.createAtOnce(names);
  await subject.converged(names, 60 + burst / 5);
  await subject.quiet();
  const cpuSeconds = ((subject.cpuSeconds() - cpu) * 1000) / burst;
  const all = subject.callsAndCreations(mark);
  const own = reconciling(subject.calls(mark)).filter(({ verb }) => verb !== "watch");
  await sleep(settleSeconds);
  const waits = latencies(all, workload);
  return {
    p50: percentile(waits, 0.5),
    p99: percentile(waits, 0.99),
    perSecond: burst / secondsUntilAllReconciled(all, workload),
    calls: perObject(own, burst),
    callsPerObject: own.length / burst,
    cpuSeconds,
    memory: subject.memory(),
  };
}

/** Starts a stopped operator beside its converged objects. */
export async function measureRestart(subject: Subject, { settleSeconds }: Sizes): Promise<Restart> {
  const mark = subject.mark();
  const { seconds, waiting } = await subject.start();
  // Who has not come round to one object in all that time is not waited for: it is measured as it is.
  if (seconds !== null) await subject.quiet();
  const calls = reconciling(subject.calls(mark)).filter(({ name }) => !name.startsWith(waiting));
  const written = writes(calls);
  await sleep(settleSeconds);
  return {
    seconds,
    reads: callCounts(calls.filter((call) => !written.includes(call))),
    writes: callCounts(written),
    memory: subject.memory(),
  };
}

async function measureResync(subject: Subject, objects: number): Promise<NonNullable<Trial["resync"]>> {
  const mark = subject.mark();
  const reconciles = await subject.resync(objects);
  await subject.quiet();
  return { reconciles, calls: callCounts(reconciling(subject.calls(mark))) };
}

async function measurePaced(subject: Subject, { paced, pacedPerSecond }: Sizes): Promise<Trial["paced"]> {
  const names = numbered("paced", paced);
  const mark = subject.mark();
  await subject.objects.createPaced(names, pacedPerSecond);
  await subject.converged(names, 120);
  const waits = latencies(subject.callsAndCreations(mark), subject.candidate.workload);
  return { p50: percentile(waits, 0.5), p99: percentile(waits, 0.99) };
}

/** Makes so many objects more beside a running operator. */
export async function fill(subject: Subject, more: number): Promise<void> {
  const names = numbered("large", more);
  await subject.objects.createAtOnce(names);
  await subject.converged(names, 60 + more / 5);
  await subject.quiet();
}

const numbered = (word: string, count: number) =>
  Array.from({ length: count }, (_, at) => `${word}-${String(at).padStart(5, "0")}`);

function perObject(calls: readonly Call[], objects: number): Record<string, number> {
  const counts = Object.entries(callCounts(calls));
  return Object.fromEntries(counts.map(([kind, count]) => [kind, count / objects]));
}
