import type { Shape } from "../api/presets.ts";
import type { Rank } from "./hardware.ts";
import { blockParameters, embeddingParameters, headDimension } from "./llama-shape.ts";
import type { ModelFigures } from "./model-figures.ts";
import { bytesOf, type Precision } from "./precision.ts";

/** Estimates of the memory of one rank, in bytes. */

export type ActivationCheckpointing = "none" | "selective" | "full";

/** float32 weights, gradients and AdamW's two moments. */
const stateBytesPerParameter = 16;

/** Weights are stored in float32, with AdamW's two moments; gradients are not. */
export const checkpointBytesPerParameter = 12;

/** Interpreter, libraries and, on a GPU, its context and the communication buffers. */
export const runtimeBytes: Record<Rank["device"], number> = { gpu: 2 * 2 ** 30, cpu: 384 * 2 ** 20 };

export interface TrainingLoad {
  model: ModelFigures;
  /** Ranks a copy's parameters, gradients and optimizer state are divided over. */
  shard: number;
  /** Ranks a sequence is divided over. */
  context: number;
  /** Sequences of one forward pass: the micro batch; for DPO twice that, chosen and rejected. */
  sequences: number;
  sequenceLength: number;
  precision: Precision;
  activationCheckpointing: ActivationCheckpointing;
  device: Rank["device"];
}

export function trainingBytes(load: TrainingLoad): number {
  const { model, precision } = load;
  const state = (stateBytesPerParameter * model.parameters) / load.shard;
  const tokens = (load.sequences * load.sequenceLength) / load.context;
  const logits = tokens * (model.vocabularySize ?? 0) * bytesOf[precision];
  const activations = tokens * activationBytesPerToken(load);
  // What is being saved is copied to main memory, which on a CPU is the rank's own.
  const saved = load.device === "cpu" ? (checkpointBytesPerParameter * model.parameters) / load.shard : 0;
  return Math.ceil(state + saved + computeCopyBytes(load) + activations + logits + runtimeBytes[load.device]);
}

/** What all blocks keep of one token, and while one of them computes again, what it then has. */
function activationBytesPerToken(load: TrainingLoad): number {
  const { activationCheckpointing, model, precision } = load;
  const { layers, hiddenSize, intermediateSize, attentionHeads } = model.shape;
  const whole = blockActivationBytes(load);
  const input = bytesOf.float32 * hiddenSize;
  const products =
    hiddenSize + 2 * keyValueSize(model.shape) + 2 * intermediateSize + (isExplicit(load) ? 0 : hiddenSize);
  const logarithms = isExplicit(load) ? 0 : bytesOf.float32 * attentionHeads;
  switch (activationCheckpointing) {
    case "none":
      return layers * whole;
    case "selective":
      return layers * (input + bytesOf[precision] * products + logarithms) + whole;
    case "full":
      return layers * input + whole;
  }
}

/** Share of the blocks' forward pass that the backward pass computes again. */
export function recomputedShare(shape: Shape, mode: ActivationCheckpointing): number {
  const { hiddenSize, intermediateSize } = shape;
  // Of the four products of a block the second, attention's, and the last are not kept.
  const again = hiddenSize * hiddenSize + intermediateSize * hiddenSize;
  return { none: 0, selective: again / blockParameters(shape), full: 1 }[mode];
}

const keyValueSize = (shape: Shape) => shape.keyValueHeads * headDimension(shape);

/**
 * Weights beside those a rank keeps. In bfloat16 the backward pass holds a copy of every weight it will need.
 * Sharded (FSDP2), whole weights are gathered in the type of the products: the embeddings, and two blocks at a
 * time, the one that computes and the next. Their gradients are whole too, and reduced in float32.
 */
function computeCopyBytes({ model, shard, precision }: TrainingLoad): number {
  if (shard === 1) return precision === "bfloat16" ? bytesOf.bfloat16 * model.parameters : 0;
  const embeddings = embeddingParameters(model.shape, model.vocabularySize ?? 0);
  return (bytesOf[precision] + bytesOf.float32) * (2 * blockParameters(model.shape) + embeddings);
}

/**
 * Up to this length the kernels' attention in bfloat16 on the CPU keeps its weights for the backward pass.
 */
const explicitAttentionTokens = 1024;
const isExplicit = ({ device, precision, sequenceLength }: TrainingLoad) =>
  device === "cpu" && precision === "bfloat16" && sequenceLength <= explicitAttentionTokens;

/**
 * What one block keeps of one token for the backward pass, without recomputation: the count of Korthikanti et
 * al. 2022, section 4.1, adapted to LLaMA and for what PyTorch saves. In float32: input and normalised input
 * of two norms. In the precision of the products: three inputs of linear layers, rotated queries and keys,
 * the matrix they and the values come from, the attended values, and of the feed-forward layer gate, up,
 * activated gate and their product. No scores: attention recomputes them (Dao et al. 2022).
 */
function blockActivationBytes(load: TrainingLoad): number {
  const { model, sequenceLength, precision } = load;
  const { hiddenSize, intermediateSize, attentionHeads } = model.shape;
  const keys = keyValueSize(model.shape);
  const norms = 4 * hiddenSize;
  const products =
    3 * hiddenSize + (hiddenSize + keys) + (hiddenSize + 2 * keys) + hiddenSize + 4 * intermediateSize;
  const scores = isExplicit(load) ? attentionHeads * sequenceLength : 0;
  return bytesOf.float32 * norms + bytesOf[precision] * (products + scores);
}

/** Keys and values of so many tokens in all layers. */
export function keyValueBytes(shape: Shape, tokens: number, precision: Precision): number {
  return 2 * shape.layers * shape.keyValueHeads * headDimension(shape) * tokens * bytesOf[precision];
}

/** Weights, and keys and values of `cachedTokens`, of a model that answers. */
export function inferenceBytes(
  model: ModelFigures,
  cachedTokens: number,
  precision: Precision,
  device: Rank["device"],
): number {
  const weights = model.parameters * bytesOf[precision];
  return Math.ceil(weights + keyValueBytes(model.shape, cachedTokens, precision) + runtimeBytes[device]);
}
