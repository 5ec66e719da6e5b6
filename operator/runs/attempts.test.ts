import { expect, test } from "vitest";
import { PodDefaults } from "../api/configuration.ts";
import type { Reason } from "../api/reasons.ts";
import type { Job, Pod } from "../cluster/objects.ts";
import { jobs, pods } from "../cluster/resource.ts";
import { type Attempt, RunSpec } from "../kinds/batch-kind.ts";
import { anExampleRun, exampleRuns } from "../testing/example-runs.ts";
import { aStage, badly, type Ending, exampleKind, namespace, TestEnv, well } from "../testing/test-env.ts";
import {
  backoffSeconds,
  type Consequence,
  consequenceOf,
  type FailureClass,
  type History,
  jobStatus,
} from "./attempts.ts";
import { storageOf } from "./scope.ts";
import { attemptObjects } from "./stage-objects.ts";

function judged(
  endings: Ending[],
  coupling: "gang" | "independent" = "gang",
  change?: (env: TestEnv, job: Job, pods: Pod[]) => void,
) {
  const env = new TestEnv();
  const run = env.store.apply(exampleRuns, anExampleRun());
  const spec = RunSpec.parse(run.spec);
  const stage = aStage({ coupling, pods: endings.length });
  const storage = storageOf(exampleKind.definition, run, spec);
  const objects = attemptObjects({
    run,
    spec,
    storage,
    stage,
    attempt: 1,
    config: {},
    podDefaults: PodDefaults.parse({}),
  });
  const job = env.store.apply(jobs, objects.job);
  env.endJob(job, endings);
  change?.(env, job, env.store.list(pods, { namespace }));
  const [ended] = env.store.list(jobs, { namespace });
  if (ended === undefined) throw new Error("no Job");
  const later = new Date(env.clock.now().getTime() + 60_000);
  return jobStatus(ended, env.store.list(pods, { namespace }), stage, { now: later });
}

const evicted: Ending = { exitCode: 137, evicted: true };
const killed: Ending = { exitCode: 137, reason: "OOMKilled" };

test.each<[why: string, Ending[], kind: string, reason: string]>([
  [
    "the rank that crashed, not the one that lost it",
    [badly("PeerLost", 75), badly("InternalError", 1)],
    "program",
    "ProgramFailed",
  ],
  [
    "the wrong config, not the peers that were stopped",
    [badly("Terminated", 143), badly("InvalidConfig", 64)],
    "invalid",
    "InvalidConfig",
  ],
  [
    "the numbers, before a crash",
    [badly("InternalError", 1), badly("NumericsDiverged", 86)],
    "numerics",
    "NumericsDiverged",
  ],
  ["the memory, before a crash", [badly("InternalError", 1), killed], "outOfMemory", "OutOfMemory"],
  ["the eviction, not what its peers made of it", [badly("InternalError", 1), evicted], "lost", "PodLost"],
  [
    "what the program found wrong, though it was evicted",
    [{ ...badly("InvalidData", 64), evicted: true }],
    "invalid",
    "InvalidData",
  ],
  [
    "infrastructure, not a stop",
    [badly("Terminated", 143), badly("DiskFull", 75)],
    "infrastructure",
    "DiskFull",
  ],
  [
    "a word that does not fit the exit code is not believed",
    [badly("InvalidData", 1)],
    "program",
    "ProgramFailed",
  ],
  ["no word at all", [{ exitCode: 139 }], "program", "ProgramFailed"],
])("decides: %s", (_why, endings, kind, reason) => {
  expect(judged(endings)).toMatchObject({ state: "failed", failure: { class: kind, reason } });
});

test("a death by signal is named", () => {
  expect(judged([{ exitCode: 139 }])).toMatchObject({
    failure: { message: expect.stringContaining("signal 11") },
  });
});

test("a Job counts as failed only when none of its pods can still write", () => {
  const verdict = judged([badly("PeerLost", 75), badly("PeerLost", 75)], "gang", (env, _job, [first]) => {
    if (first !== undefined) env.store.updateStatus(pods, { ...first, status: { phase: "Running" } });
  });
  expect(verdict.state).toBe("active");
});

test("a completed Job whose pods are gone is done again at no cost; one without a result is not", () => {
  const gone = judged([well], "gang", (env, _job, [pod]) => {
    if (pod !== undefined) env.store.delete(pods, pod);
  });
  expect(gone).toMatchObject({ state: "failed", failure: { class: "lost" } });
  expect(judged([{ exitCode: 0 }])).toMatchObject({ state: "failed", failure: { class: "program" } });
});

test("a gang speaks through index 0; independent pods add up their funnels", () => {
  const row = {
    step: "read",
    language: "ja" as const,
    documents_in: 10,
    documents_out: 7,
    bytes_in: 100,
    bytes_out: 70,
  };
  const part = (dropped: Record<string, number>): Ending => ({
    exitCode: 0,
    result: { reason: "Completed", message: "", metrics: {}, funnel: [{ ...row, dropped }] },
  });
  const endings = [part({ short: 3 }), part({ short: 1, symbols: 2 })];
  expect(judged(endings)).toMatchObject({
    result: { funnel: [{ documents_in: 10, dropped: { short: 3 } }] },
  });
  expect(judged(endings, "independent")).toMatchObject({
    result: {
      funnel: [
        {
          documents_in: 20,
          documents_out: 14,
          bytes_in: 200,
          bytes_out: 140,
          dropped: { short: 4, symbols: 2 },
        },
      ],
    },
  });
});

test("where the documents went is told also of an attempt that failed for want of any", () => {
  const funnel = [
    {
      ...{ step: "rules", language: "ja" as const, documents_in: 9, documents_out: 0 },
      ...{ bytes_in: 9, bytes_out: 0, dropped: { too_short: 9 } },
    },
  ];
  const result = { reason: "NoDocumentsLeft" as const, message: "none is left", metrics: {}, funnel };
  expect(judged([{ exitCode: 64, result }])).toMatchObject({
    state: "failed",
    failure: { reason: "NoDocumentsLeft", funnel },
  });
});

const history: History = {
  policy: { maxRestarts: 3, maxDisruptions: 5, onDivergence: "Fail" },
  restarts: 0,
  disruptionsInARow: 1,
  earlier: [],
};
const restart = (counted: boolean): Consequence => ({ action: "restart", counted });
const attempt = (number: number, more: Partial<Attempt> = {}): Attempt => ({
  stage: "train",
  number,
  jobName: `run-train-${number}`,
  startTime: "2026-01-01T00:00:00Z",
  endTime: "2026-01-01T00:01:00Z",
  ...more,
});

const killedForMemory = attempt(1, { reason: "OutOfMemory", resumedFromStep: 100 });
const diverged = { ...history.policy, onDivergence: "Restart" as const };

test.each<
  [why: string, FailureClass, Reason, Partial<History>, Consequence | { action: "fail"; reason: Reason }]
>([
  ["a wrong config stays wrong", "invalid", "InvalidConfig", {}, { action: "fail", reason: "InvalidConfig" }],
  ["infrastructure costs nothing", "infrastructure", "DiskFull", { restarts: 3 }, restart(false)],
  ["as many losses in a row as are allowed", "lost", "PodLost", { disruptionsInARow: 5 }, restart(false)],
  [
    "one more ends it",
    "infrastructure",
    "DiskFull",
    { disruptionsInARow: 6 },
    { action: "fail", reason: "RestartsExhausted" },
  ],
  ["an eviction costs nothing", "lost", "PodLost", { restarts: 3 }, restart(false)],
  ["a stop that was asked for costs nothing", "terminated", "Terminated", { restarts: 3 }, restart(false)],
  ["a crash costs a restart", "program", "ProgramFailed", { restarts: 2 }, restart(true)],
  [
    "the budget ends",
    "program",
    "ProgramFailed",
    { restarts: 3 },
    { action: "fail", reason: "RestartsExhausted" },
  ],
  [
    "divergence fails by default",
    "numerics",
    "NumericsDiverged",
    {},
    { action: "fail", reason: "NumericsDiverged" },
  ],
  ["divergence restarts where asked", "numerics", "NumericsDiverged", { policy: diverged }, restart(true)],
  [
    "divergence is within the budget",
    "numerics",
    "NumericsDiverged",
    { policy: diverged, restarts: 3 },
    { action: "fail", reason: "RestartsExhausted" },
  ],
  ["a first kill for memory costs a restart", "outOfMemory", "OutOfMemory", {}, restart(true)],
  [
    "a second one at the same step ends it",
    "outOfMemory",
    "OutOfMemory",
    { earlier: [killedForMemory], resumedFromStep: 100 },
    { action: "fail", reason: "OutOfMemory" },
  ],
  [
    "a second one further on does not",
    "outOfMemory",
    "OutOfMemory",
    { earlier: [killedForMemory], resumedFromStep: 200 },
    restart(true),
  ],
  [
    "nor one after another kind of failure",
    "outOfMemory",
    "OutOfMemory",
    {
      earlier: [killedForMemory, attempt(2, { reason: "PodLost", resumedFromStep: 100 })],
      resumedFromStep: 100,
    },
    restart(true),
  ],
])("%s", (_why, kind, reason, seen, expected) => {
  expect(consequenceOf({ class: kind, reason, message: "it broke" }, { ...history, ...seen })).toMatchObject(
    expected,
  );
});

test("exhausted restarts name the last failure", () => {
  const consequence = consequenceOf(
    { class: "program", reason: "ProgramFailed", message: "segmentation fault" },
    { ...history, restarts: 3 },
  );
  expect(consequence).toMatchObject({
    message: expect.stringContaining("ProgramFailed: segmentation fault"),
  });
});

test("backoff doubles from 5 s to 5 min, and begins anew after an attempt that ran well for long", () => {
  const failing = Array.from({ length: 10 }, (_, index) => attempt(index + 1));
  expect(failing.map((_, index) => backoffSeconds(failing.slice(0, index + 1)))).toEqual([
    5, 10, 20, 40, 80, 160, 300, 300, 300, 300,
  ]);
  const long = attempt(11, { endTime: "2026-01-01T05:00:00Z" });
  expect(backoffSeconds([...failing, long])).toBe(5);
  expect(backoffSeconds([...failing, long, attempt(12)])).toBe(5);
  expect(backoffSeconds([...failing, long, attempt(12), attempt(13)])).toBe(10);
});
