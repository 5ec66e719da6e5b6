import { z } from "zod";
import { common, RelativePath } from "./parts.ts";

export const JudgeRules = z
  .strictObject({
    min_characters: z.int().min(0),
    max_characters: z.int().min(1),
    require_ending: z
      .boolean()
      .describe("an answer must have ended with the end-of-turn token, not at the length limit"),
    max_repetition: z.number().min(0).max(1).describe("largest share of character 4-grams that repeat an earlier one"),
    same_script: z.boolean().describe("an answer to a Japanese prompt must be in Japanese"),
    reference_overlap: z.boolean().describe("score by character F1 against the prompt's `reference` where it has one"),
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
