import type { z } from "zod";
import type { Compute } from "../api/parts.ts";
import type { Plan } from "../api/status.ts";
import { rankOf, ranksOf } from "./hardware.ts";
import {
  type ActivationCheckpointing,
  checkpointBytesPerParameter,
  recomputedShare,
  trainingBytes,
} from "./memory.ts";
import type { ModelFigures } from "./model-figures.ts";
import type { Precision } from "./precision.ts";

/** What a plan must know of a training stage. */
export interface TrainingWork {
  compute: z.output<typeof Compute>;
  /** Ranks that a copy's state is divided over. */
  shard: number;
  /** Ranks that a sequence is divided over. */
  context: number;
  /** Sequences of one forward pass of a rank. */
  sequences: number;
  sequenceLength: number;
  precision: Precision;
  activationCheckpointing: ActivationCheckpointing;
  /** Absent where it depends on how many samples a file has. */
  steps?: number;
  tokens?: number;
}

/** What can be said of a training stage. Without a model: no parameters, memory, checkpoints or time. */
export function trainingPlan(work: TrainingWork, model: ModelFigures | undefined): Plan {
  const ranks = ranksOf(work.compute);
  const rank = rankOf(work.compute);
  const plan: Plan = {
    ranks,
    steps: work.steps,
    tokens: work.tokens,
    memoryLimitPerRankBytes: rank.memoryBytes,
  };
  if (!model) return plan;
  plan.parameters = model.parameters;
  plan.memoryPerRankBytes = trainingBytes({ ...work, model, device: rank.device });
  plan.checkpointBytes = checkpointBytesPerParameter * model.parameters;
  if (rank.flops !== undefined && work.tokens !== undefined) {
    const flops = work.tokens * trainingFlopsPerToken(model, work.sequenceLength);
    // Of the three parts of a step's arithmetic the forward pass is one.
    const recomputed = 1 + recomputedShare(model.shape, work.activationCheckpointing) / 3;
    plan.estimatedSeconds = Math.ceil((flops * recomputed) / (ranks * rank.flops));
  }
  return plan;
}

/**
 * Floating-point operations of training on one token: 6 per parameter for forward and backward pass, and
 * attention's 12 x layers x width x length (Chowdhery et al. 2022, appendix B, equation for MFU; not halved
 * for causality, as usual).
 */
export function trainingFlopsPerToken(model: ModelFigures, sequenceLength: number): number {
  return 6 * model.parameters + 12 * model.shape.layers * model.shape.hiddenSize * sequenceLength;
}
