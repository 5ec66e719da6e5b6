import type { ResolvedInput } from "../api/artifact.ts";
import type { Shape } from "../api/presets.ts";
import { likelyShape } from "./llama-shape.ts";
import { bytesOf, type Precision } from "./precision.ts";

/** Of an exported model. */
export const modelBytes = (parameters: number, dtype: Precision = "float32"): number =>
  bytesOf[dtype] * parameters;

/** What a plan must know of a model. */
export interface ModelFigures {
  parameters: number;
  shape: Shape;
  /** Absent for an artifact that does not say; then logits are left out of estimates. */
  vocabularySize?: number;
}

/** An input as manifests let expect: they tell the very shape, which the status of an artifact does not. */
export interface ExpectedInput extends ResolvedInput {
  shape?: Shape;
}

/**
 * Figures of a model artifact. Where its status has no number of parameters they are estimated from its size,
 * and where no manifest tells the shape it is a likely one.
 */
export function figuresOf(input: ExpectedInput | undefined): ModelFigures | undefined {
  if (!input) return undefined;
  const { parameters: known, sizeBytes, vocabularySize } = input.artifact;
  const parameters = known ?? Math.floor(sizeBytes / modelBytes(1));
  if (parameters === 0) return undefined;
  return {
    parameters,
    shape: input.shape ?? likelyShape(parameters, vocabularySize),
    vocabularySize,
  };
}
