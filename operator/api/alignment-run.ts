import { z } from "zod";
import { count, decimal, exactlyOneOf, share, withRules } from "./fields.ts";
import {
  Checkpoints,
  ClaimPath,
  ModelReference,
  NamedDatasets,
  Parallelism,
  runFields,
  SampleTraining,
} from "./parts.ts";

const Judge = z.strictObject({
  minCharacters: count(0, 1_000_000).default(1).describe("shorter answers lose"),
  maxCharacters: count(1, 1_000_000).default(2000).describe("longer answers lose"),
  requireEnding: z
    .boolean()
    .default(true)
    .describe("answers that did not end with the end-of-turn token lose"),
  maxRepetition: share()
    .default("0.5")
    .describe("answers with a larger share of repeated character 4-grams lose"),
  sameScript: z.boolean().default(true).describe("answers to Japanese prompts must be in Japanese"),
  referenceOverlap: z
    .boolean()
    .default(true)
    .describe("answers closer to the prompt's `reference`, where it has one, win"),
  minMargin: decimal().default("0.05").describe("pairs whose scores differ by less are ties and are dropped"),
});

const Generation = z.strictObject({
  prompts: ClaimPath.describe(
    "file of JSON lines with `messages` that end with a user turn, and optionally `reference`",
  ),
  samples: count(2, 64)
    .default(4)
    .describe("candidate answers per prompt, sampled from the chat-tuned model"),
  temperature: decimal().default("1").describe("sampling temperature"),
  topP: share().default("0.95").describe("nucleus of the sampling"),
  maxNewTokens: count(1, 1_000_000).default(256).describe("longest answer in tokens"),
  batchSize: count(1, 4096).default(16).describe("answers sampled at once"),
  seed: count(0, 2_147_483_647).default(42).describe("seed of the sampling"),
  judge: Judge.prefault({}).describe(
    "rules that score the candidates; the widest pair of each prompt is kept",
  ),
});

const Preferences = withRules(
  z.strictObject({
    datasets: NamedDatasets.optional().describe("files of JSON lines with `prompt`, `chosen`, `rejected`"),
    generate: Generation.optional().describe("candidates from the chat-tuned model itself, judged by rules"),
  }),
  exactlyOneOf("datasets", "generate"),
);

export const AlignmentRunSpec = withRules(
  z.strictObject({
    model: ModelReference.describe("model that is aligned"),
    chat: z
      .strictObject({
        datasets: NamedDatasets.describe("files of JSON lines with `messages` (role and content)"),
        heldOutShare: share().default("0.05").describe("share of the conversations kept for measurement"),
        training: SampleTraining.describe("how long and with which optimizer settings"),
      })
      .optional()
      .describe("chat tuning on ChatML conversations; absent when the model already is a chat model"),
    preferences: Preferences.optional().describe("preference pairs; needed by dpo"),
    dpo: z
      .strictObject({
        beta: decimal()
          .default("0.1")
          .describe("strength of the bond to the reference model (Rafailov et al. 2023)"),
        heldOutShare: share().default("0.2").describe("share of the pairs kept for measurement"),
        training: SampleTraining.describe("how long and with which optimizer settings"),
      })
      .optional()
      .describe("direct preference optimisation after chat tuning"),
    parallelism: Parallelism.prefault({}).describe("how the ranks share the model"),
    checkpoints: Checkpoints.prefault({}).describe("how often state is saved, and what is kept"),
    ...runFields,
  }),
  { rule: "has(self.chat) || has(self.dpo)", message: "at least one of chat and dpo must be set" },
  {
    rule: "has(self.dpo) == has(self.preferences)",
    message: "dpo and preferences belong together: set both or none",
  },
);
