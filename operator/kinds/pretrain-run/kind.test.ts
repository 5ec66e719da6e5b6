import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { admitted, contractIssues, corpusInput, inputsOf } from "../../testing/example-kinds.ts";
import { pretrainRunKind } from "./kind.ts";

const training = { tokens: 1_000_000, globalBatchTokens: 8192, learningRate: "1e-3" };
const small = {
  corpus: { name: "corpus" },
  model: { preset: "llama-tiny" },
  sequenceLength: 128,
  training,
};
const inputs = inputsOf(corpusInput());
const refusal = (change: object, given = inputs) =>
  pretrainRunKind.refuse(admitted(pretrainRunKind, { ...small, ...change }), given);

test("one gang trains, a process per GPU, on the corpus by digest", () => {
  const spec = admitted(pretrainRunKind, {
    ...small,
    parallelism: { shard: 4 },
    compute: { nodes: 2, gpusPerNode: 4 },
  });
  const [train, ...others] = pretrainRunKind.stages(spec, inputs);
  expect(others).toEqual([]);
  expect(train).toMatchObject({
    program: "train",
    pods: 2,
    coupling: "gang",
    processesPerPod: 4,
    gpusPerPod: 4,
    artifact: true,
  });
  expect(train?.config(new Map())).toMatchObject({
    shape: { hidden_size: 64, max_position_embeddings: 128, rope_theta: 10_000 },
    language_model: {
      corpus: { path: "inputs/corpus", digest: corpusInput().artifact.digest },
      sampling: "packed",
    },
    training: { steps: 122, global_batch_size: 64, sequence_length: 128, learning_rate: 0.001 },
    parallelism: { replicate: 2, shard: 4 },
    checkpoints: { directory: "output/checkpoints/train" },
  });
});

test("a save takes as long as its ranks write their parts, and the claim takes them all", () => {
  const seconds = (shard: number) => {
    const change = {
      model: { preset: "llama-13b" },
      parallelism: { shard },
      compute: { nodes: 16, gpusPerNode: 8 },
    };
    return pretrainRunKind.stages(admitted(pretrainRunKind, { ...small, ...change }), inputs)[0]?.saveSeconds;
  };
  const bytes = pretrainRunKind.plan(
    admitted(pretrainRunKind, { ...small, model: { preset: "llama-13b" } }),
    inputs,
  ).checkpointBytes;
  expect(bytes).toBeGreaterThan(150e9);
  expect(seconds(2)).toBe(Math.ceil((bytes ?? 0) / 200e6));
  expect(seconds(128)).toBe(Math.ceil((bytes ?? 0) / 1e9));
});

test("weights are exported in float32, or in the type asked for", () => {
  const dtype = (change: object) =>
    pretrainRunKind
      .stages(admitted(pretrainRunKind, { ...small, training: { ...training, ...change } }), inputs)[0]
      ?.config(new Map()).export_dtype;
  expect(dtype({})).toBeUndefined();
  expect(dtype({ exportDtype: "bfloat16" })).toBe("bfloat16");
});

test("ranks may share sequences, and divide the model as well", () => {
  const spec = admitted(pretrainRunKind, {
    ...small,
    parallelism: { shard: 2, context: 4 },
    compute: { nodes: 2, gpusPerNode: 8 },
  });
  const [train] = pretrainRunKind.stages(spec, inputs);
  expect(train?.config(new Map()).parallelism).toEqual({ replicate: 2, shard: 2, context: 4 });
  const memory = (parallelism: object) =>
    pretrainRunKind.plan({ ...spec, parallelism: { ...spec.parallelism, ...parallelism } }, inputs)
      .memoryPerRankBytes ?? 0;
  expect(memory({ context: 4 })).toBeLessThan(memory({ context: 1, shard: 8 }));
});

test("on CPUs a pod is one process", () => {
  const [train] = pretrainRunKind.stages(
    admitted(pretrainRunKind, { ...small, compute: { nodes: 4 } }),
    inputs,
  );
  expect(train).toMatchObject({ pods: 4, processesPerPod: 1, gpusPerPod: 0 });
});

describe("refusals name the field and a value that would do", () => {
  test.each([
    [
      { parallelism: { shard: 3 }, compute: { nodes: 4 } },
      "spec.parallelism.shard 3 does not divide them: compute.nodes 4 are 4 ranks; set shard to 2",
    ],
    [
      { parallelism: { shard: 2, replicate: 3 }, compute: { nodes: 1, gpusPerNode: 8 } },
      "spec.parallelism.replicate 3 x shard 2 is 6, but compute.nodes 1 x compute.gpusPerNode 8 are 8 ranks; set replicate to 4 or leave it out",
    ],
    [
      { compute: { nodes: 3 } },
      "spec.training.globalBatchTokens 8192 is no multiple of 384 (3 ranks x microBatchSize 1 x 128 tokens); set it to 8448",
    ],
    [
      { parallelism: { context: 3 }, compute: { nodes: 4 } },
      "spec.parallelism.context 3 does not divide them: compute.nodes 4 are 4 ranks; set context to 2",
    ],
    [
      { parallelism: { context: 2, shard: 4 }, compute: { nodes: 4 } },
      "spec.parallelism.shard 4 does not divide them: compute.nodes 4 are 4 ranks, 2 of them for each part of a sequence; set shard to 2",
    ],
    [
      { parallelism: { context: 2, shard: 2, replicate: 2 }, compute: { nodes: 4 } },
      "spec.parallelism.replicate 2 x shard 2 x context 2 is 8, but compute.nodes 4 are 4 ranks; set replicate to 1 or leave it out",
    ],
    [
      {
        parallelism: { context: 2 },
        compute: { nodes: 2 },
        sequenceLength: 130,
        training: { ...training, globalBatchTokens: 8320 },
      },
      "spec.sequenceLength 130 is no multiple of 4 (2 x parallelism.context 2); set it to 132 or change context",
    ],
    [
      { parallelism: { context: 2 }, compute: { nodes: 6 } },
      "spec.training.globalBatchTokens 8192 is no multiple of 384 (3 groups of 2 ranks x microBatchSize 1 x 128 tokens); set it to 8448",
    ],
    [{ training: { ...training, learningRate: "0" } }, "spec.training.learningRate is 0; it must be above 0"],
    [{ model: { preset: "llama-tiny", ropeTheta: "0" } }, "spec.model.ropeTheta is 0; it must be above 0"],
  ])("%j", (change, message) => {
    expect(refusal(change)).toEqual({ reason: "InvalidSpec", message });
  });

  test("13B on one A100 needs more memory than there is", () => {
    const given = {
      model: { preset: "llama-13b" },
      compute: { gpusPerNode: 1, accelerator: "a100-80gb" },
      storage: { size: "10Ti" },
    };
    expect(refusal(given)).toEqual({
      reason: "InsufficientMemory",
      message: expect.stringMatching(
        /^a rank needs about 2\d\d\.\d GiB and has 80\.0 GiB; take an accelerator/,
      ),
    });
  });

  test("a claim made for the run must hold the checkpoints", () => {
    const given = {
      model: { preset: "llama-1b" },
      compute: { resources: { memory: "500Gi" } },
      storage: { size: "10Gi" },
    };
    expect(refusal(given)?.message).toMatch(
      /^spec\.storage\.size 10Gi does not hold checkpoints\.keepLast 2 \+ 1 checkpoints of 1\d\.\d GiB each and 1 model\(s\) .* set it to \d+Gi or more$/,
    );
    const named = /set it to (\d+Gi)/.exec(refusal(given)?.message ?? "")?.[1];
    expect(refusal({ ...given, storage: { size: named } })).toBeUndefined();
  });

  test("GPUs of an unnamed type have no limit to hold against", () => {
    const given = { model: { preset: "llama-13b" }, compute: { gpusPerNode: 1 }, storage: { size: "10Ti" } };
    expect(refusal(given)).toBeUndefined();
  });
});

test("whatever is not refused is a configuration the trainer accepts, and every rank gets whole micro batches", () => {
  const decimal = fc.constantFrom("0", "1e-8", "0.5", "0.95", "1", "2", "10000");
  const given = fc.record({
    nodes: fc.integer({ min: 1, max: 6 }),
    gpusPerNode: fc.constantFrom(0, 1, 2, 8),
    shard: fc.integer({ min: 1, max: 16 }),
    replicate: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
    sequences: fc.integer({ min: 1, max: 64 }),
    microBatchSize: fc.integer({ min: 1, max: 4 }),
    learningRate: decimal,
    minLearningRate: decimal,
    beta1: decimal,
    beta2: decimal,
    epsilon: decimal,
    maxGradNorm: decimal,
    ropeTheta: decimal,
  });
  let accepted = 0;
  const accepts = fc.property(
    given,
    ({ nodes, gpusPerNode, shard, replicate, sequences, ropeTheta, ...optimizer }) => {
      const spec = admitted(pretrainRunKind, {
        ...small,
        model: { ...small.model, ropeTheta },
        training: { tokens: 1_000_000, globalBatchTokens: sequences * 128, ...optimizer },
        parallelism: { shard, replicate },
        compute: { nodes, gpusPerNode },
      });
      const ranks = nodes * Math.max(1, gpusPerNode);
      if (pretrainRunKind.refuse(spec, inputs)) return;
      accepted += 1;
      const [train] = pretrainRunKind.stages(spec, inputs);
      expect(train && contractIssues(train, new Map())).toEqual([]);
      const config = train?.config(new Map()) as { parallelism: { replicate: number; shard: number } };
      expect(config.parallelism.replicate * config.parallelism.shard).toBe(ranks);
      expect(sequences % (ranks * optimizer.microBatchSize)).toBe(0);
    },
  );
  fc.assert(accepts, {
    numRuns: 3000,
    examples: [
      [
        {
          nodes: 2,
          gpusPerNode: 2,
          shard: 2,
          replicate: undefined,
          sequences: 8,
          microBatchSize: 2,
          learningRate: "0.5",
          minLearningRate: "0",
          beta1: "0.5",
          beta2: "0.95",
          epsilon: "1e-8",
          maxGradNorm: "1",
          ropeTheta: "10000",
        },
      ],
    ],
  });
  expect(accepted).toBeGreaterThan(0);
});

test("the value a refusal names is not refused again", () => {
  const given = fc.record({
    nodes: fc.integer({ min: 1, max: 12 }),
    shard: fc.integer({ min: 1, max: 20 }),
    sequences: fc.integer({ min: 1, max: 50 }),
  });
  const mends = fc.property(given, ({ nodes, shard, sequences }) => {
    const change = {
      parallelism: { shard },
      compute: { nodes },
      training: { ...training, globalBatchTokens: sequences * 128 },
    };
    const first = refusal(change);
    const toShard = /set shard to (\d+)/.exec(first?.message ?? "")?.[1];
    if (toShard) change.parallelism.shard = Number(toShard);
    const second = refusal(change);
    expect(second?.message ?? "").not.toContain("parallelism");
    const toTokens = /set it to (\d+)/.exec(second?.message ?? "")?.[1];
    if (toTokens) change.training.globalBatchTokens = Number(toTokens);
    expect(refusal(change)).toBeUndefined();
  });
  fc.assert(mends, { numRuns: 300 });
});

describe("plan", () => {
  test("without the corpus there is no vocabulary, so no parameters", () => {
    const plan = pretrainRunKind.plan(admitted(pretrainRunKind, small), inputsOf());
    expect(plan).toEqual({ ranks: 1, steps: 122, tokens: 122 * 8192, memoryLimitPerRankBytes: 2 * 2 ** 30 });
  });

  test("with it all is said", () => {
    const plan = pretrainRunKind.plan(admitted(pretrainRunKind, small), inputs);
    expect(plan).toMatchObject({ parameters: 2_148_672, checkpointBytes: 12 * 2_148_672 });
    expect(plan.memoryPerRankBytes).toBeGreaterThan(16 * 2_148_672);
    expect(plan.estimatedSeconds).toBeGreaterThan(0);
  });
});
