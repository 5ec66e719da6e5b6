import { z } from "zod";
import { artifactTypes } from "../api/artifact.ts";
import { kernelReasons } from "../api/reasons.ts";
import { Digest, Language, RelativePath } from "./parts.ts";

/** What a program says: how far it is, and how it ended. */

export const ArtifactResult = z
  .strictObject({
    path: RelativePath.describe("directory of the artifact below the working directory"),
    type: z.enum(artifactTypes),
    digest: Digest,
    size_bytes: z.int().min(0),
    tokenizer_digest: Digest.optional(),
    vocabulary_size: z.int().min(1).optional(),
    context_length: z.int().min(1).optional(),
    parameters: z.int().min(1).optional(),
    tokens: z.int().min(0).optional().describe("corpus: training tokens"),
  })
  .meta({ id: "ArtifactResult" });

export const FunnelRow = z
  .strictObject({
    step: z
      .string()
      .min(1)
      .describe("read, extraction, rules, classifier, exact, min_hash, held_out, mixture"),
    language: Language,
    documents_in: z.int().min(0),
    documents_out: z.int().min(0),
    bytes_in: z.int().min(0),
    bytes_out: z.int().min(0),
    dropped: z.record(z.string(), z.int().min(0)).describe("documents by reason"),
  })
  .meta({ id: "FunnelRow" });

export const Score = z
  .strictObject({
    suite: z.string().min(1),
    metric: z.string().min(1),
    value: z.number(),
    low: z.number().describe("95 % confidence interval, lower end"),
    high: z.number(),
    count: z.int().min(0),
  })
  .meta({ id: "Score" });

export const PositionLoss = z
  .strictObject({
    label: z.string().min(1),
    from: z.int().min(0),
    to: z.int().min(1),
    loss: z.number(),
  })
  .meta({ id: "PositionLoss" })
  .describe("mean loss of token positions from <= p < to, in nats");

/** At most 4,096 bytes of JSON at the termination message path: what becomes status. */
export const Result = z
  .strictObject({
    reason: z.enum(kernelReasons),
    message: z.string().max(1000).describe("one sentence: what, where, how to mend it"),
    artifact: ArtifactResult.optional(),
    metrics: z
      .record(z.string(), z.number())
      .describe("final figures, e.g. loss, held_out_loss, unigram_entropy, rewards/accuracies"),
    funnel: z.array(FunnelRow).optional(),
    scores: z.array(Score).optional(),
    position_losses: z.array(PositionLoss).optional(),
    step: z.int().min(0).optional(),
    resumed_from_step: z.int().min(0).optional(),
  })
  .meta({ id: "Result" });

/** Port of /healthz, /progress and /metrics in every kernel pod. */
export const programPort = 9400;

/** Answer of GET /progress on `programPort`. */
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
