import { z } from "zod";
import { artifactTypes } from "../api/artifact.ts";
import { boundedMap } from "../api/fields.ts";
import { kernelReasons } from "../api/reasons.ts";
import { Digest, Language, RelativePath } from "./parts.ts";

/**
 * What a program says: how far it is, and how it ended. Everything is bounded, for it becomes status: whoever
 * runs a program need not be trusted.
 */

/** Figures that a program may say at once. */
export const mostMetrics = 64;

const Name = z.string().min(1).max(128);
const Time = z
  .string()
  .max(35)
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/);

const Metrics = boundedMap(Name, z.number(), mostMetrics);

const CheckpointsPassedOver = z
  .int()
  .min(0)
  .optional()
  .describe("damaged checkpoints newer than the one that this process resumed from");

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

/** Reasons that a row of the funnel may tell apart. */
export const mostDropReasons = 64;

export const FunnelRow = z
  .strictObject({
    step: Name.describe("read, extraction, stages of cleaning by name, exact, min_hash, held_out, mixture"),
    language: Language,
    documents_in: z.int().min(0),
    documents_out: z.int().min(0),
    bytes_in: z.int().min(0),
    bytes_out: z.int().min(0),
    dropped: boundedMap(Name, z.int().min(0), mostDropReasons).describe("documents by reason"),
  })
  .meta({ id: "FunnelRow" });

export const Score = z
  .strictObject({
    suite: Name,
    metric: Name,
    value: z.number(),
    low: z.number().describe("95 % confidence interval, lower end"),
    high: z.number(),
    count: z.int().min(0),
  })
  .meta({ id: "Score" });

export const PositionLoss = z
  .strictObject({
    label: Name,
    from: z.int().min(0),
    to: z.int().min(1),
    loss: z.number(),
  })
  .meta({ id: "PositionLoss" })
  .describe("mean loss of token positions from <= p < to, in nats");

/** Rows of a table in status. */
export const mostRows = 256;

/** At most 4,096 bytes of JSON at the termination message path: what becomes status. */
export const Result = z
  .strictObject({
    reason: z.enum(kernelReasons),
    message: z.string().max(1000).describe("one sentence: what, where, how to fix it"),
    artifact: ArtifactResult.optional(),
    metrics: Metrics.describe("final figures, e.g. loss, held_out_loss, unigram_entropy, rewards/accuracies"),
    funnel: z.array(FunnelRow).max(mostRows).optional(),
    scores: z.array(Score).max(mostRows).optional(),
    position_losses: z.array(PositionLoss).max(mostRows).optional(),
    step: z.int().min(0).optional(),
    resumed_from_step: z.int().min(0).optional(),
    checkpoints_passed_over: CheckpointsPassedOver,
  })
  .meta({ id: "Result" });

/** Port of /healthz, /progress and /metrics in every kernel pod. */
export const programPort = 9400;

/** Bytes of an answer that is read. */
export const longestProgress = 16_384;

/** Answer of GET /progress on `programPort`: at most `longestProgress` bytes. */
export const Progress = z
  .strictObject({
    stage: Name,
    uid: Name.optional().describe("uid of the object that the program works for; absent: not known yet"),
    step: z.int().min(0),
    total: z.int().min(0).describe("0 while unknown"),
    unit: Name.describe("what a step is: step, document, file, prompt, item"),
    metrics: Metrics.describe("newest values, e.g. loss, lr, tokens_per_second"),
    since: Time.describe("RFC 3339 time the stage began in this process"),
    updated: Time.describe("RFC 3339 time of the newest step"),
    funnel: z.array(FunnelRow).max(mostRows).optional().describe("of what this process has done so far"),
    checkpoint_step: z.int().min(0).optional().describe("newest checkpoint that a restart would resume from"),
    resumed_from_step: z.int().min(0).optional(),
    checkpoints_passed_over: CheckpointsPassedOver,
  })
  .meta({ id: "Progress" });
