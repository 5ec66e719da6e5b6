import fc from "fast-check";
import { expect, test } from "vitest";
import { kinds } from "../api/kinds.ts";
import { PretrainRunStatus } from "../api/status.ts";
import { anyStatus } from "../testing/any-status.ts";
import { fitStatus } from "./fitting-status.ts";

const time = "2026-01-01T00:00:00Z";
const progress = {
  stage: "train",
  step: 1,
  total: 10,
  unit: "step",
  percent: "10%",
  eta: "",
  metrics: [],
  updateTime: time,
};

test.each([
  ["a fraction of a byte", { plan: { ranks: 1, memoryLimitPerRankBytes: 0.001 } }, { plan: { ranks: 1 } }],
  [
    "a time that is none",
    { startTime: time, progress: { ...progress, updateTime: "never" } },
    { startTime: time },
  ],
  ["a number that int64 and JSON do not share", { restarts: 1e30 }, {}],
  ["a state that is none", { stages: [{ name: "train", state: "Lost" }] }, { stages: [] }],
  ["a null", { plan: null, restarts: 1 }, { restarts: 1 }],
])("%s is left out, the rest stays", (_, said, kept) => {
  const { status, leftOut } = fitStatus(PretrainRunStatus, said);
  expect(status).toEqual(kept);
  expect(leftOut).not.toEqual([]);
});

test("of two entries with one key the first stays", () => {
  const metrics = [
    { name: "loss", value: "1" },
    { name: "loss", value: "2" },
  ];
  const { status, leftOut } = fitStatus(PretrainRunStatus, { progress: { ...progress, metrics } });
  expect(status).toEqual({ progress: { ...progress, metrics: [metrics[0]] } });
  expect(leftOut).toEqual(['status.progress.metrics[1]: a second entry of the key ["loss"]']);
});

test("sentences are cut, lists and half pairs of UTF-16 as well", () => {
  const metrics = Array.from({ length: 7000 }, (_, index) => ({ name: `m${index}`, value: "1" }));
  const attempt = {
    stage: "train\ud800",
    number: 1,
    jobName: "job",
    startTime: time,
    message: "x".repeat(9000),
  };
  const { status, leftOut } = fitStatus(PretrainRunStatus, {
    progress: { ...progress, metrics },
    attempts: [attempt],
  });
  expect(status).toEqual({
    progress: { ...progress, metrics: metrics.slice(0, 64) },
    attempts: [{ ...attempt, stage: "train\ufffd", message: `${"x".repeat(4095)}…` }],
  });
  expect(leftOut).toEqual([
    "status.progress.metrics: what is beyond 64 entries",
    "status.attempts[0].message: what is beyond 4096 characters",
  ]);
});

test.each(kinds.map((kind) => [kind.resource.kind, kind] as const))(
  "%s: what fits stays as it is, and what was made to fit fits",
  (_, kind) => {
    fc.assert(
      fc.property(anyStatus(kind.status), (said) => {
        const once = fitStatus(kind.status, said);
        expect(fitStatus(kind.status, once.status)).toEqual({ status: once.status, leftOut: [] });
      }),
    );
  },
);
