import { z } from "zod";
import { common, Input, RelativePath, Seed } from "./parts.ts";

/** Programs that ask a model: benchmarks, candidate answers and their judging, the server. */

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

export const LabelledModel = z
  .strictObject({ label: z.string().min(1), model: Input })
  .meta({ id: "LabelledModel" });

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

export const GenerateConfig = z
  .strictObject({
    ...common,
    model: Input,
    prompts: Input.describe(
      "file of JSON lines with `messages` that end with a user turn, and optionally `reference`",
    ),
    samples: z.int().min(2).max(64).describe("candidate answers per prompt"),
    temperature: z.number().gt(0).max(10),
    top_p: z.number().gt(0).max(1),
    max_new_tokens: z.int().min(1),
    batch_size: z.int().min(1),
    seed: Seed,
  })
  .meta({ id: "GenerateConfig" })
  .describe("program `generate`: samples candidate answers from a chat model; writes candidates.jsonl");

export const JudgeRules = z
  .strictObject({
    min_characters: z.int().min(0),
    max_characters: z.int().min(1),
    require_ending: z
      .boolean()
      .describe("an answer must have ended with the end-of-turn token, not at the length limit"),
    max_repetition: z
      .number()
      .min(0)
      .max(1)
      .describe("largest share of character 4-grams that repeat an earlier one"),
    same_script: z.boolean().describe("an answer to a Japanese prompt must be in Japanese"),
    reference_overlap: z
      .boolean()
      .describe("score by character F1 against the prompt's `reference` where it has one"),
  })
  .meta({ id: "JudgeRules" });

export const JudgeConfig = z
  .strictObject({
    ...common,
    candidates: RelativePath.describe("output directory of `generate`"),
    rules: JudgeRules,
    min_margin: z.number().min(0).describe("pairs whose scores differ by less are ties and are dropped"),
  })
  .meta({ id: "JudgeConfig" })
  .describe(
    "program `judge`: scores candidates by rules and keeps the widest pair of each prompt; writes preferences.jsonl",
  );

export const ApiKeyLimits = z
  .strictObject({
    name: z.string().min(1),
    max_concurrent_requests: z
      .int()
      .min(1)
      .optional()
      .describe("requests of this key that may wait or be answered at a time"),
    priority: z.int().describe("of two requests that wait the one with the higher priority goes first"),
  })
  .meta({ id: "ApiKeyLimits" });

export const ServeConfig = z
  .strictObject({
    ...common,
    model: Input,
    model_name: z.string().min(1).describe("name under /v1/models"),
    port: z.int().min(1).max(65535),
    context_length: z
      .int()
      .min(8)
      .optional()
      .describe("longest prompt plus answer, in tokens; absent: the model's own"),
    max_concurrent_requests: z.int().min(1),
    max_queued_requests: z.int().min(0).describe("requests beyond those that may wait; others are refused"),
    precision: z.enum(["float32", "bfloat16"]),
    api_keys: RelativePath.optional().describe(
      "directory whose files each hold one API key; absent: no key is asked",
    ),
    api_key_limits: z
      .array(ApiKeyLimits)
      .optional()
      .describe("limits of keys by the names of their files; a key that has none here is bound by no limit"),
  })
  .meta({ id: "ServeConfig" })
  .describe("program `serve`: OpenAI-compatible HTTP server with a key-value cache");
