import { z } from "zod";
import { common, Input, Seed } from "./parts.ts";

export const SuiteConfig = z
  .strictObject({
    name: z.string().min(1),
    task: z
      .enum(["jsquad", "jcommonsenseqa"])
      .describe(
        "jsquad: SQuAD JSON, exact match of generated answers; jcommonsenseqa: JSON lines, accuracy by log-likelihood over five choices",
      ),
    data: Input,
    examples: Input.optional().describe(
      "file that the shots are taken from; absent: the data's first items, which are then not scored",
    ),
    shots: z.int().min(0).max(32),
    limit: z.int().min(1).optional(),
  })
  .meta({ id: "SuiteConfig" });

export const LabelledModel = z.strictObject({ label: z.string().min(1), model: Input }).meta({ id: "LabelledModel" });

export const LossByPositionConfig = z
  .strictObject({
    models: z
      .array(LabelledModel)
      .min(1)
      .describe("models measured on the same documents, e.g. base, none, positionInterpolation"),
    corpus: Input.describe("its held-out documents of at least context_length tokens are read"),
    context_length: z.int().min(8),
    original_context_length: z
      .int()
      .min(8)
      .optional()
      .describe("context window before; absent: that of the first model"),
    documents: z.int().min(1),
    passkey_trials: z.int().min(0).describe("passkey prompts per depth and length; 0 measures none"),
  })
  .meta({ id: "LossByPositionConfig" });

export const EvaluateConfig = z
  .strictObject({
    ...common,
    model: Input.optional().describe("model the suites are asked of"),
    suites: z.array(SuiteConfig),
    loss_by_position: LossByPositionConfig.optional(),
    batch_size: z.int().min(1),
    parents: z.array(Input),
    seed: Seed,
  })
  .meta({ id: "EvaluateConfig" })
  .describe(
    "program `evaluate`: benchmark suites with confidence intervals and per-item results, or loss by token position",
  );
