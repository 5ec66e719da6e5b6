import { expect, test } from "vitest";
import type { Reason } from "../api/reasons.ts";
import type { Attempt } from "../engine/run.ts";
import { backoffSeconds, type Consequence, consequenceOf, type History } from "./failure-policy.ts";
import type { FailureClass } from "./job-status.ts";

const history: History = { policy: { maxRestarts: 3, onDivergence: "Fail" }, restarts: 0, earlier: [] };
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

test.each<[why: string, FailureClass, Reason, Partial<History>, Consequence | { action: "fail"; reason: Reason }]>([
  ["a wrong config stays wrong", "invalid", "InvalidConfig", {}, { action: "fail", reason: "InvalidConfig" }],
  ["infrastructure costs nothing", "infrastructure", "DiskFull", { restarts: 3 }, restart(false)],
  ["an eviction costs nothing", "lost", "PodLost", { restarts: 3 }, restart(false)],
  ["a stop that was asked for costs nothing", "terminated", "Terminated", { restarts: 3 }, restart(false)],
  ["a crash costs a restart", "program", "ProgramFailed", { restarts: 2 }, restart(true)],
  ["the budget ends", "program", "ProgramFailed", { restarts: 3 }, { action: "fail", reason: "RestartsExhausted" }],
  ["divergence fails by default", "numerics", "NumericsDiverged", {}, { action: "fail", reason: "NumericsDiverged" }],
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
    { earlier: [killedForMemory, attempt(2, { reason: "PodLost", resumedFromStep: 100 })], resumedFromStep: 100 },
    restart(true),
  ],
])("%s", (_why, kind, reason, seen, expected) => {
  expect(consequenceOf({ class: kind, reason, message: "it broke" }, { ...history, ...seen })).toMatchObject(expected);
});

test("exhausted restarts name the last failure", () => {
  const consequence = consequenceOf(
    { class: "program", reason: "ProgramFailed", message: "segmentation fault" },
    { ...history, restarts: 3 },
  );
  expect(consequence).toMatchObject({ message: expect.stringContaining("ProgramFailed: segmentation fault") });
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
