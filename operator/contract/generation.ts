import { z } from "zod";
import { common, Input, Seed } from "./parts.ts";

export const GenerateConfig = z
  .strictObject({
    ...common,
    model: Input,
    prompts: Input.describe("file of JSON lines with `messages` that end with a user turn, and optionally `reference`"),
    samples: z.int().min(2).max(64).describe("candidate answers per prompt"),
    temperature: z.number().gt(0).max(10),
    top_p: z.number().gt(0).max(1),
    max_new_tokens: z.int().min(1),
    batch_size: z.int().min(1),
    seed: Seed,
  })
  .meta({ id: "GenerateConfig" })
  .describe("program `generate`: samples candidate answers from a chat model; writes candidates.jsonl");
