import type { ModelFigures } from "./model-figures.ts";

/**
 * Floating-point operations of training on one token: 6 per parameter for forward and backward pass, and attention's 12 x layers x
 * width x length (Chowdhery et al. 2022, appendix B, equation for MFU; not halved for causality, as usual).
 */
export function trainingFlopsPerToken(model: ModelFigures, sequenceLength: number): number {
  return 6 * model.parameters + 12 * model.shape.layers * model.shape.hiddenSize * sequenceLength;
}
