import { describe, expect, test } from "vitest";
import { presets, type Shape } from "../api/presets.ts";
import { likelyShape, parametersOf, shapeOf } from "./llama-shape.ts";

const grouped: Shape = {
  hiddenSize: 192,
  intermediateSize: 512,
  layers: 4,
  attentionHeads: 6,
  keyValueHeads: 2,
  tieWordEmbeddings: false,
};

describe("parametersOf", () => {
  // The last four were counted by the kernels over the tensors of the model itself.
  test.each([
    ["LLaMA-13B, as published", presets["llama-13b"], 32_000, 13_015_864_320],
    ["LLaMA-7B, as published", presets["llama-7b"], 32_000, 6_738_415_616],
    ["a tied output layer", presets["llama-15m"], 32_000, 15_191_712],
    ["the smallest preset", presets["llama-tiny"], 32_000, 2_148_672],
    ["another vocabulary", presets["llama-15m"], 8_000, 8_279_712],
    ["grouped queries", grouped, 1_000, 1_958_592],
  ])("%s", (_title, shape, vocabulary, parameters) => {
    expect(parametersOf(shape, vocabulary)).toBe(parameters);
  });
});

test("a preset or a shape of one's own is the model's shape", () => {
  const common = { ropeTheta: "10000", rmsNormEpsilon: "1e-5" };
  expect(shapeOf({ ...common, preset: "llama-1b" })).toBe(presets["llama-1b"]);
  expect(shapeOf({ ...common, shape: grouped })).toBe(grouped);
});

describe("likelyShape", () => {
  test("exactly so many parameters are the preset's", () => {
    expect(likelyShape(13_015_864_320, 32_000)).toBe(presets["llama-13b"]);
  });

  test.each([1e9, 7e9, 13e9, 70e9])("otherwise %d parameters have LLaMA's proportions", (parameters) => {
    const shape = likelyShape(parameters, undefined);
    expect(parametersOf(shape, 0) / parameters).toBeGreaterThan(0.7);
    expect(parametersOf(shape, 0) / parameters).toBeLessThan(1.3);
    expect(shape.hiddenSize % shape.attentionHeads).toBe(0);
  });

  test("even a handful of parameters has a layer", () => {
    expect(likelyShape(1000, undefined).layers).toBe(1);
  });
});
