import { z } from "zod";

/** Answer of GET /progress on port 9400. */
export const Progress = z
  .strictObject({
    stage: z.string().min(1),
    step: z.int().min(0),
    total: z.int().min(0).describe("0 while unknown"),
    unit: z.string().min(1).describe("what a step is: step, document, file, prompt, item"),
    metrics: z.record(z.string(), z.number()).describe("newest values, e.g. loss, lr, tokens_per_second"),
    since: z.string().describe("RFC 3339 time the stage began in this process"),
    updated: z.string().describe("RFC 3339 time of the newest step"),
    checkpoint_step: z.int().min(0).optional().describe("newest checkpoint that a restart would resume from"),
    resumed_from_step: z.int().min(0).optional(),
  })
  .meta({ id: "Progress" });
