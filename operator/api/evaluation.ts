import { z } from "zod";
import { count, decimal, mapList, objectName, withRules } from "./fields.ts";
import { ClaimPath, ModelReference, runFields } from "./parts.ts";

export const suiteTasks = ["jsquad", "jcommonsenseqa"] as const;

const Suite = z.strictObject({
  name: objectName().describe("name of the suite, for scores and thresholds"),
  task: z
    .enum(suiteTasks)
    .describe(
      "jsquad: JSQuAD's file format, exact match of generated answers; jcommonsenseqa: its file format, accuracy by log-likelihood over five choices",
    ),
  data: ClaimPath.describe("file with the questions"),
  examples: ClaimPath.optional().describe(
    "file the shots are taken from; absent: the data's first items, which are then not scored",
  ),
  shots: count(0, 32).describe(
    "examples shown before each question; the published figures have 2 for JSQuAD and 3 for JCommonsenseQA",
  ),
  limit: count(1, 1_000_000).optional().describe("score only the first so many items"),
});

const Threshold = z.strictObject({
  suite: objectName().describe("name of a suite"),
  metric: z.enum(["exact_match", "char_f1", "accuracy"]).describe("metric of the suite"),
  atLeast: decimal().describe("least score, from 0 to 1"),
});

export const EvaluationSpec = withRules(
  z.strictObject({
    model: ModelReference.describe("model that is asked"),
    suites: mapList(Suite, "name", 64, 1).describe("what is asked"),
    thresholds: mapList(Threshold, "suite", 64)
      .default([])
      .describe(
        "scores the model must reach; without any there is nothing to pass, and the Evaluation opens no gate",
      ),
    batchSize: count(1, 4096).default(16).describe("items asked at once"),
    seed: count(0, 2_147_483_647).default(42).describe("seed of resampled confidence intervals"),
    ...runFields,
  }),
  {
    rule: "self.thresholds.all(threshold, self.suites.exists(suite, suite.name == threshold.suite))",
    message: "every threshold must name a suite",
    fieldPath: ".thresholds",
  },
);
