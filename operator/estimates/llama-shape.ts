import type { z } from "zod";
import { type PresetName, presets, type Shape } from "../api/presets.ts";
import type { PretrainRunSpec } from "../api/pretrain-run.ts";

/** Arithmetic of a LLaMA shape: parameters from a shape, and a shape from parameters. */

export function shapeOf(model: z.output<typeof PretrainRunSpec>["model"]): Shape {
  const shape = model.preset ? presets[model.preset] : model.shape;
  if (!shape) throw new TypeError("model has neither preset nor shape: the API server would have refused it");
  return shape;
}

export const headDimension = (shape: Shape): number => shape.hiddenSize / shape.attentionHeads;

/** Parameters of one block: queries and output, keys and values, SwiGLU's three matrices, two norms. */
export function blockParameters(shape: Shape): number {
  const { hiddenSize, intermediateSize, keyValueHeads } = shape;
  const attention = 2 * hiddenSize ** 2 + 2 * hiddenSize * keyValueHeads * headDimension(shape);
  return attention + 3 * hiddenSize * intermediateSize + 2 * hiddenSize;
}

/** Parameters of the embeddings and, where it is a matrix of its own, the output layer. */
export function embeddingParameters(shape: Shape, vocabularySize: number): number {
  return (shape.tieWordEmbeddings ? 1 : 2) * vocabularySize * shape.hiddenSize;
}

/** All trained parameters, exactly; a tied matrix counts once. */
export function parametersOf(shape: Shape, vocabularySize: number): number {
  return (
    shape.layers * blockParameters(shape) + embeddingParameters(shape, vocabularySize) + shape.hiddenSize
  );
}

/** LLaMA 7B and 13B have 128 units of width per layer, and 128 per head (Touvron et al. 2023, table 2). */
const widthPerLayer = 128;

/**
 * Shape of a model of which only figures are known: the preset that has exactly so many parameters, else
 * LLaMA's proportions, in which blocks have 12 h^2 parameters each and h / 128 layers. Good for estimates of
 * activations and caches, for nothing else.
 */
export function likelyShape(parameters: number, vocabularySize: number | undefined): Shape {
  const names = Object.keys(presets) as PresetName[];
  const preset = names.find(
    (name) => vocabularySize !== undefined && parametersOf(presets[name], vocabularySize) === parameters,
  );
  if (preset) return presets[preset];
  const layers = Math.max(1, Math.round(Math.cbrt((parameters * widthPerLayer) / 12) / widthPerLayer));
  const hiddenSize = layers * widthPerLayer;
  const intermediateSize = Math.round((8 * hiddenSize) / 3);
  return {
    hiddenSize,
    intermediateSize,
    layers,
    attentionHeads: layers,
    keyValueHeads: layers,
    tieWordEmbeddings: false,
  };
}
