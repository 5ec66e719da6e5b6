import { z } from "zod";
import { atomicList, count, withRules } from "./fields.ts";
import {
  Checkpoints,
  CorpusParallelism,
  CorpusTraining,
  LocalReference,
  ModelReference,
  runFields,
} from "./parts.ts";

const Method = z.enum(["positionInterpolation", "none"]);

export const ContextExtensionSpec = withRules(
  z.strictObject({
    model: ModelReference.describe("model whose context window is extended"),
    corpus: LocalReference.describe(
      "Corpus whose documents of at least contextLength tokens are trained on and measured; same tokenizer as the model",
    ),
    contextLength: count(16, 10_000_000).describe("new context window in tokens"),
    method: Method.default("positionInterpolation").describe(
      "positionInterpolation: positions are scaled into the old window (Chen et al. 2023); none: plain continued training",
    ),
    comparisons: atomicList(Method, 1)
      .default([])
      .describe(
        "methods trained beside for the figure only, from the same model and data; they give no artifact",
      ),
    training: CorpusTraining.describe("how long and with which optimizer settings"),
    measurement: z
      .strictObject({
        documents: count(1, 100_000)
          .default(64)
          .describe("held-out documents the loss by position is measured on"),
        passkeyTrials: count(0, 1000)
          .default(0)
          .describe("passkey prompts per depth and length; 0 measures none"),
      })
      .prefault({})
      .describe("what is measured before and after"),
    parallelism: CorpusParallelism.prefault({}).describe("how the ranks share the model"),
    checkpoints: Checkpoints.prefault({}).describe("how often state is saved, and what is kept"),
    ...runFields,
  }),
  {
    rule: "self.training.globalBatchTokens % self.contextLength == 0",
    message: "training.globalBatchTokens must be a multiple of contextLength",
    fieldPath: ".training.globalBatchTokens",
  },
  {
    rule: "!self.comparisons.exists(other, other == self.method)",
    message: "comparisons must not repeat method",
    fieldPath: ".comparisons",
  },
);
