import { z } from "zod";
import { common, Input, Language, RelativePath, Seed } from "./parts.ts";

export const RemovalRule = z
  .strictObject({
    contains: z.string().min(1).optional().describe("removes every token whose text contains this"),
    pattern: z
      .string()
      .min(1)
      .optional()
      .describe("removes every token whose text matches this regular expression anywhere"),
  })
  .meta({ id: "RemovalRule" })
  .describe("exactly one of contains and pattern");

export const TokenizerTraining = z
  .strictObject({
    vocabulary_size: z.int().min(300).max(1_000_000).describe("size before removal"),
    training_bytes: z.int().min(1).describe("at most this much text is sampled for training, by the mixture's ratios"),
    removing: z.array(RemovalRule),
  })
  .meta({ id: "TokenizerTraining" });

export const MixturePart = z
  .strictObject({ language: Language, ratio: z.number().gt(0).max(1) })
  .meta({ id: "MixturePart" });

export const MixtureConfig = z
  .strictObject({
    tokens: z.int().min(1).optional().describe("training tokens; absent: as many as the ratios allow"),
    parts: z.array(MixturePart).min(1).describe("ratios sum to 1"),
    max_epochs: z.number().min(1).describe("how often a language's documents may be repeated to meet its ratio"),
  })
  .meta({ id: "MixtureConfig" });

export const TokenizeConfig = z
  .strictObject({
    ...common,
    input: RelativePath.describe("output directory of `deduplicate`"),
    train_tokenizer: TokenizerTraining.optional(),
    tokenizer: Input.optional().describe(
      "corpus or model artifact whose tokenizer.json is used; exactly one of this and train_tokenizer",
    ),
    mixture: MixtureConfig,
    held_out_ratio: z
      .number()
      .gt(0)
      .lt(1)
      .describe("share of each language's documents kept out of training, by hash of the document"),
    shard_tokens: z.int().min(1024).describe("tokens per packed shard file"),
    parents: z.array(Input).describe("artifacts this corpus descends from, recorded in the manifest"),
    seed: Seed,
  })
  .meta({ id: "TokenizeConfig" })
  .describe("program `tokenize`: tokenizer, mixture by ratio, packed shards; writes the corpus artifact");
