import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { startCluster } from "../cluster/cluster.ts";
import { ApiClient } from "./api-client.ts";
import { AuditLog, policy } from "./audit-log.ts";
import type { Candidate } from "./candidates.ts";
import { callCounts } from "./figures.ts";
import type { Memory } from "./operator-process.ts";
import { type Laboratory, longestStartSeconds, Subject, sleep } from "./subject.ts";
import { fill, measureRestart, type Restart, type Sizes, type Trial, trial } from "./trial.ts";

export interface Idle {
  candidate: string;
  seconds: number;
  /** Processor seconds in that time. */
  cpuSeconds: number;
  /** Calls in that time, by verb and resource. */
  calls: Record<string, number>;
}

export interface Large {
  candidate: string;
  objects: number;
  /** Of the process that made them all. */
  memory: Memory;
  restart: Restart;
}

export interface Comparison {
  trials: Trial[];
  idle: Idle[];
  large: Large[];
}

/** Starts a control plane of its own for the work and ends it afterwards. */
export async function withLaboratory<T>(work: (laboratory: Laboratory) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "tanren-bench-"));
  const auditPolicy = join(directory, "audit-policy.yaml");
  writeFileSync(auditPolicy, stringify(policy));
  try {
    const cluster = await startCluster({ auditPolicy });
    const api = new ApiClient(cluster.kubeconfig);
    const audit = new AuditLog(cluster.auditLog);
    try {
      return await work({ api, audit, directory });
    } finally {
      audit.close();
      api.close();
      await cluster.stop();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Puts the candidates through the same measurements in turns, so that what disturbs the machine disturbs all
 * of them alike.
 */
export async function compare(
  laboratory: Laboratory,
  candidates: readonly Candidate[],
  sizes: Sizes,
  say: (line: string) => void,
): Promise<Comparison> {
  const { api } = laboratory;
  for (const file of new Set(candidates.flatMap(({ kinds }) => kinds))) await makeKind(api, file);
  const trials: Trial[] = [];
  let last: Subject[] = [];
  try {
    for (let round = 0; round < sizes.rounds; round++) {
      for (const subject of last) await subject.leave();
      last = [];
      for (const candidate of rotated(candidates, round)) {
        const subject = await Subject.settle(laboratory, candidate, `${candidate.name}-${round + 1}`);
        last.push(subject);
        const result = await trial(subject, sizes);
        trials.push(result);
        say(
          `round ${round + 1}, ${candidate.name}: ${result.burst.perSecond.toFixed(0)} objects/s, ${result.burst.callsPerObject.toFixed(2)} calls each`,
        );
      }
    }
    const idle = await measureIdle(last, sizes);
    const large: Large[] = [];
    for (const subject of sizes.large > 0 ? last : []) {
      large.push(await measureLarge(subject, sizes));
      say(
        `${sizes.large} objects, ${subject.candidate.name}: restart ${large.at(-1)?.restart.seconds?.toFixed(1) ?? `more than ${longestStartSeconds}`} s`,
      );
    }
    return { trials, idle, large };
  } finally {
    for (const subject of last) await subject.leave();
  }
}

/** All candidates stand beside their converged objects at the same time. */
async function measureIdle(subjects: readonly Subject[], { idleSeconds }: Sizes): Promise<Idle[]> {
  for (const subject of subjects) await subject.start();
  for (const subject of subjects) await subject.quiet();
  await sleep(5);
  const marks = subjects.map((subject) => ({ subject, mark: subject.mark(), cpu: subject.cpuSeconds() }));
  await sleep(idleSeconds);
  const idle = marks.map(({ subject, mark, cpu }) => ({
    candidate: subject.candidate.name,
    seconds: idleSeconds,
    cpuSeconds: subject.cpuSeconds() - cpu,
    calls: callCounts(subject.calls(mark)),
  }));
  for (const subject of subjects) await subject.stop();
  return idle;
}

async function measureLarge(subject: Subject, sizes: Sizes): Promise<Large> {
  await subject.start();
  await fill(subject, sizes.large - sizes.burst);
  await sleep(sizes.settleSeconds);
  const memory = subject.memory();
  await subject.stop();
  const restart = await measureRestart(subject, sizes);
  await subject.stop();
  return { candidate: subject.candidate.name, objects: sizes.large, memory, restart };
}

async function makeKind(api: ApiClient, file: string): Promise<void> {
  const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const definition = parse(readFileSync(new URL(`../../${file}`, import.meta.url), "utf8"));
  await api.send("POST", path, definition, [409]);
  for (;;) {
    const { body } = await api.send("GET", `${path}/${definition.metadata.name}`);
    const conditions: { type: string; status: string }[] = body.status?.conditions ?? [];
    if (conditions.some(({ type, status }) => type === "Established" && status === "True")) return;
    await sleep(0.1);
  }
}

const rotated = <T>(items: readonly T[], by: number): T[] => [
  ...items.slice(by % items.length),
  ...items.slice(0, by % items.length),
];
