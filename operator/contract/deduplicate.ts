import { z } from "zod";
import { common, RelativePath, Seed } from "./parts.ts";

export const MinHashConfig = z
  .strictObject({
    permutations: z.int().min(16).max(1024),
    bands: z.int().min(1).max(256).describe("divides permutations; rows = permutations / bands"),
    shingle: z.int().min(1).max(64).describe("shingle size: characters for Japanese, words for English and code"),
    similarity: z
      .number()
      .min(0)
      .max(1)
      .describe("pairs whose estimated Jaccard similarity is at least this are duplicates"),
  })
  .meta({ id: "MinHashConfig" });

export const DeduplicateConfig = z
  .strictObject({
    ...common,
    input: RelativePath.describe("output directory of `clean`"),
    tasks: z.int().min(1),
    exact: z.boolean(),
    min_hash: MinHashConfig.optional(),
    seed: Seed,
  })
  .meta({ id: "DeduplicateConfig" })
  .describe("program `deduplicate`: drops exact and near duplicates over all tasks, keeping the first");
