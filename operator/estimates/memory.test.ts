import { describe, expect, test } from "vitest";
import { presets, type Shape } from "../api/presets.ts";
import { parametersOf } from "./llama-shape.ts";
import {
  type ActivationCheckpointing,
  inferenceBytes,
  keyValueBytes,
  runtimeBytes,
  type TrainingLoad,
  trainingBytes,
} from "./memory.ts";
import { bytesOf, type Precision } from "./precision.ts";

const figures = (shape: Shape, vocabularySize: number) => ({
  shape,
  vocabularySize,
  parameters: parametersOf(shape, vocabularySize),
});

const narrow = (keyValueHeads: number): Shape => ({
  hiddenSize: 192,
  intermediateSize: 512,
  layers: 4,
  attentionHeads: 6,
  keyValueHeads,
  tieWordEmbeddings: false,
});

describe("what a forward pass keeps", () => {
  // Bytes that PyTorch 2.15 saved for the backward pass of the kernels' model on a CPU, without parameters
  // and logits.
  test.each<[Shape, number, number, number, Precision, number]>([
    [narrow(6), 1_000, 256, 4, "float32", 76_988_416],
    [narrow(6), 1_000, 256, 4, "bfloat16", 57_351_168],
    [narrow(2), 1_000, 2048, 1, "float32", 141_590_528],
    [narrow(2), 1_000, 2048, 1, "bfloat16", 88_759_296],
    [presets["llama-15m"], 8_000, 256, 8, "bfloat16", 234_967_040],
    [presets["llama-15m"], 8_000, 1024, 1, "float32", 171_458_560],
  ])(
    "%j, vocabulary %i, %i tokens x %i in %s",
    (shape, vocabulary, sequenceLength, sequences, precision, measured) => {
      const model = figures(shape, vocabulary);
      const all = trainingBytes({
        ...{ model, shard: 1, context: 1, sequences, sequenceLength, precision },
        ...{ activationCheckpointing: "none", device: "cpu" },
      });
      const logits = sequences * sequenceLength * vocabulary * bytesOf[precision];
      // Beside state and the copy of it that is saved.
      const kept = all - 28 * model.parameters - logits - runtimeBytes.cpu;
      expect(kept / measured).toBeGreaterThan(0.93);
      expect(kept / measured).toBeLessThan(1.07);
    },
  );
});

// Per token and layer, what kernels/tests/training/test_activation_checkpointing.py measures for this shape.
test.each<[Precision, number, number]>([
  ["float32", 256, 4 * (160 + 512 + 96) + 4 * 6],
  ["bfloat16", 1536, 2 * (160 + 512 + 96) + 4 * 6],
])("selective checkpointing keeps more than full in %s", (precision, sequenceLength, measured) => {
  const shape = { ...narrow(2), hiddenSize: 96, intermediateSize: 256 };
  const at = (layers: number, activationCheckpointing: ActivationCheckpointing) =>
    trainingBytes({
      ...{
        model: figures({ ...shape, layers }, 64),
        shard: 1,
        context: 1,
        sequences: 2,
        sequenceLength,
        precision,
      },
      ...{ activationCheckpointing, device: "cpu" },
    });
  expect((at(3, "selective") - at(3, "full")) / (3 * 2 * sequenceLength)).toBe(measured);
  // Each further layer costs its input, and its state and the copy of it that is saved.
  const weights = at(4, "full") - at(3, "full") - 4 * 96 * 2 * sequenceLength;
  const layer =
    figures({ ...shape, layers: 4 }, 64).parameters - figures({ ...shape, layers: 3 }, 64).parameters;
  expect(weights).toBe((precision === "bfloat16" ? 30 : 28) * layer);
});

describe("13B on GPUs", () => {
  const load: TrainingLoad = {
    model: figures(presets["llama-13b"], 32_000),
    shard: 1,
    context: 1,
    sequences: 1,
    sequenceLength: 2048,
    precision: "bfloat16",
    activationCheckpointing: "none",
    device: "gpu",
  };
  const at = (change: Partial<TrainingLoad>) => trainingBytes({ ...load, ...change });

  test("sharding divides weights, gradients and optimizer state, and nothing else", () => {
    expect(at({ shard: 8 }) - at({ shard: 64 })).toBeCloseTo(16 * 13_015_864_320 * (1 / 8 - 1 / 64), -2);
  });

  test("2,048 tokens over 64 GPUs fit 80 GiB; 8,192 do not, over however many", () => {
    const limit = 80 * 2 ** 30;
    expect(at({ shard: 64 })).toBeLessThan(limit);
    expect(at({ shard: 512, sequenceLength: 8192 })).toBeGreaterThan(limit);
  });

  test("8,192 tokens fit A100s of 40 GiB where blocks keep their input alone", () => {
    const full = at({ shard: 512, sequenceLength: 8192, activationCheckpointing: "full" });
    expect(full).toBeLessThan(24 * 2 ** 30);
    expect(full).toBeLessThan(at({ shard: 512, sequenceLength: 8192, activationCheckpointing: "selective" }));
  });

  test("a rank holds no whole copy of the weights", () => {
    // Two blocks of 317 million parameters and the embeddings, in bfloat16, and their gradients in float32.
    expect(at({ shard: 512, sequenceLength: 8, sequences: 1 })).toBeLessThan(9 * 2 ** 30);
  });
});

describe("13B that answers", () => {
  const model = figures(presets["llama-13b"], 32_000);

  test("keys and values take 0.78 MiB per token in bfloat16", () => {
    expect(keyValueBytes(model.shape, 1, "bfloat16") / 2 ** 20).toBeCloseTo(0.78125, 5);
  });

  test("grouped queries keep fewer keys and values", () => {
    expect(keyValueBytes(narrow(2), 10, "float32") * 3).toBe(keyValueBytes(narrow(6), 10, "float32"));
  });

  test("weights, cache and the program itself", () => {
    expect(inferenceBytes(model, 100, "bfloat16", "gpu")).toBe(
      2 * 13_015_864_320 + 100 * 819_200 + runtimeBytes.gpu,
    );
  });
});
