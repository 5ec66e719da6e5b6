import { describe, expect, test } from "vitest";
import { admitted, contractIssues, inputsOf, modelInputOf } from "../../testing/example-kinds.ts";
import type { KernelResult } from "../batch-kind.ts";
import { evaluationKind } from "./kind.ts";

const suites = [
  {
    name: "reading",
    task: "jsquad",
    shots: 2,
    data: { claimName: "files", path: "valid.json" },
    examples: { claimName: "files", path: "train.json" },
  },
  {
    name: "sense",
    task: "jcommonsenseqa",
    shots: 3,
    limit: 100,
    data: { claimName: "files", path: "valid.jsonl" },
  },
];
const thresholds = [{ suite: "reading", metric: "exact_match", atLeast: "0.84" }];
const small = { model: { alignmentRun: { name: "assistant" } }, suites };
const model = modelInputOf();
const inputs = inputsOf(model);
const spec = (change: object = {}) => admitted(evaluationKind, { ...small, ...change });

test("one pod asks all suites of the model, with their files mounted", () => {
  const [evaluate, ...others] = evaluationKind.stages(spec({ compute: { gpusPerNode: 1 } }), inputs);
  expect(others).toEqual([]);
  expect(evaluate).toMatchObject({ pods: 1, processesPerPod: 1, gpusPerPod: 1, artifact: true });
  expect(evaluate?.mounts.map(({ name }) => name)).toEqual([
    "model",
    "suite-reading",
    "examples-reading",
    "suite-sense",
  ]);
  expect(evaluate && contractIssues(evaluate, new Map())).toEqual([]);
  expect(evaluate?.config(new Map())).toMatchObject({
    model: { path: "inputs/model", digest: model.artifact.digest },
    suites: [
      {
        name: "reading",
        data: { path: "inputs/suite-reading" },
        examples: { path: "inputs/examples-reading" },
      },
      { name: "sense", data: { path: "inputs/suite-sense" }, limit: 100 },
    ],
  });
});

test.each([
  [{ compute: { nodes: 2 } }, "spec.compute.nodes is 2, but one pod asks all suites; set it to 1"],
  [
    { compute: { gpusPerNode: 8 } },
    "spec.compute.gpusPerNode is 8, but one GPU asks all suites; set it to 1",
  ],
  [
    { thresholds: [{ suite: "sense", metric: "exact_match", atLeast: "0.5" }] },
    "spec.thresholds[sense].metric exact_match is not measured by task jcommonsenseqa; use accuracy",
  ],
  [
    { thresholds: [{ suite: "reading", metric: "char_f1", atLeast: "84" }] },
    "spec.thresholds[reading].atLeast is 84; it must be at most 1",
  ],
])("refuses %j", (change, message) => {
  expect(evaluationKind.refuse(spec(change), inputs)).toEqual({ reason: "InvalidSpec", message });
});

test("a model too large for the pod in float32 is refused before it is read", () => {
  const refusal = evaluationKind.refuse(spec({ compute: { resources: { memory: "40Gi" } } }), inputs);
  expect(refusal?.reason).toBe("InsufficientMemory");
  expect(evaluationKind.refuse(spec({ compute: { resources: { memory: "60Gi" } } }), inputs)).toBeUndefined();
});

describe("results", () => {
  const scored = (value: number): ReadonlyMap<string, KernelResult> =>
    new Map([
      [
        "evaluate",
        {
          reason: "Completed",
          message: "",
          metrics: {},
          scores: [{ suite: "reading", metric: "exact_match", value, low: 0.8, high: 0.9, count: 4442 }],
        },
      ],
    ]);

  test.each([
    ["above the threshold", 0.85, thresholds, true],
    ["at the threshold", 0.84, thresholds, true],
    ["below it", 0.8399, thresholds, false],
    ["without thresholds there is nothing to pass", 0, [], undefined],
    ["when the metric was not measured", 1, [{ suite: "reading", metric: "char_f1", atLeast: "0.1" }], false],
  ])("%s", (_title, value, given, passed) => {
    expect(evaluationKind.results(spec({ thresholds: given }), inputs, scored(value))).toEqual({
      scores: [
        {
          suite: "reading",
          metric: "exact_match",
          value: String(value),
          low: "0.8",
          high: "0.9",
          count: 4442,
        },
      ],
      passed,
      modelDigest: model.artifact.digest,
    });
  });

  test("nothing is said before the suites have been asked", () => {
    expect(evaluationKind.results(spec(), inputs, new Map())).toEqual({});
  });
});
