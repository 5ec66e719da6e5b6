import { describe, expect, test } from "vitest";
import {
  admitted,
  contractIssues,
  corpusInput,
  digestOf,
  inputsOf,
  modelInputOf,
  sampleArtifact,
} from "../../testing/example-kinds.ts";
import type { KernelResult } from "../batch-kind.ts";
import { contextExtensionKind } from "./kind.ts";

const small = {
  model: { pretrainRun: { name: "base" } },
  corpus: { name: "corpus" },
  contextLength: 512,
  comparisons: ["none"],
  training: { tokens: 100_000, globalBatchTokens: 4096, learningRate: "1e-4", seed: 7 },
  measurement: { documents: 8, passkeyTrials: 2 },
};
const model = modelInputOf({ parameters: 1_000_000, contextLength: 128 });
const inputs = inputsOf(model, corpusInput());
const spec = (change: object = {}) => admitted(contextExtensionKind, { ...small, ...change });
const imported = { model: { directory: { claimName: "models", path: "llama" } } };

describe("stages", () => {
  const trained = new Map([["train", sampleArtifact({ type: "model", digest: digestOf("trained") })]]);

  test.each([
    ["of a PretrainRun", {}, inputs],
    ["of an imported model", imported, inputsOf(corpusInput())],
    [
      "plain, compared with interpolation",
      { method: "none", comparisons: ["positionInterpolation"] },
      inputs,
    ],
    ["alone", { comparisons: [] }, inputs],
  ])("%s give configurations the programs accept", (_title, change, given) => {
    const stages = contextExtensionKind.stages(spec(change), given);
    expect(stages.flatMap((stage) => contractIssues(stage, trained))).toEqual([]);
  });

  test("the method and what it is compared with are trained from the same model; the run's artifact is the method's model", () => {
    const stages = contextExtensionKind.stages(spec(), inputs);
    expect(stages.map(({ name, artifact }) => [name, artifact])).toEqual([
      ["train", true],
      ["train-none", false],
      ["measure", false],
    ]);
    const [train, none] = stages.map((stage) => stage.config(trained));
    const base = { path: "inputs/model", digest: model.artifact.digest };
    expect(train).toMatchObject({
      model: base,
      rope_scaling: { rope_type: "linear", max_position_embeddings: 512 },
      language_model: { sampling: "documents" },
      checkpoints: { directory: "output/checkpoints/train" },
    });
    expect(none).toMatchObject({
      model: base,
      rope_scaling: { rope_type: "none", factor: 1, max_position_embeddings: 512 },
      checkpoints: { directory: "output/checkpoints/train-none" },
    });
  });

  test("the measurement asks base, method and comparisons, in this order", () => {
    const measure = contextExtensionKind.stages(spec(), inputs).at(-1);
    expect(measure).toMatchObject({ program: "evaluate", pods: 1, coupling: "independent" });
    expect(measure?.config(trained)).toMatchObject({
      suites: [],
      loss_by_position: {
        models: [
          { label: "base", model: { path: "inputs/model", digest: model.artifact.digest } },
          { label: "positionInterpolation", model: { path: "output/train", digest: digestOf("trained") } },
          { label: "none", model: { path: "output/train-none" } },
        ],
        context_length: 512,
        documents: 8,
        passkey_trials: 2,
      },
      seed: 7,
    });
  });

  test("an imported model is mounted from its claim, without a digest, and is no reference", () => {
    const stages = contextExtensionKind.stages(spec(imported), inputsOf(corpusInput()));
    expect(stages[0]?.config(trained)).toMatchObject({ model: { path: "inputs/model" } });
    expect(stages[0]?.config(trained).model).not.toHaveProperty("digest");
    expect(stages[0]?.mounts[0]).toEqual({ name: "model", claimName: "models", path: "llama" });
    expect(contextExtensionKind.references(spec(imported))).toEqual([
      { role: "corpus", kind: "Corpus", name: "corpus" },
    ]);
  });
});

describe("refusals", () => {
  test("another tokenizer", () => {
    const other = inputsOf(model, corpusInput({ tokenizerDigest: digestOf("other") }));
    expect(contextExtensionKind.refuse(spec(), other)).toEqual({
      reason: "TokenizerMismatch",
      message: `PretrainRun base has tokenizer ${digestOf("tokenizer")}, Corpus corpus has ${digestOf("other")}; give the Corpus tokenizer.fromCorpus of the Corpus the model was trained on, or tokenizer.from of an imported model`,
    });
  });

  test.each([
    [{}, 128, undefined],
    [{}, 512, "spec.contextLength 512 does not lengthen the model's context of 512 tokens; set it above 512"],
    [{ method: "none", comparisons: [] }, 512, undefined],
    [
      { method: "none", comparisons: [] },
      1024,
      "spec.contextLength 512 does not lengthen the model's context of 1024 tokens; set it above 1024",
    ],
  ])("%j of a model of %i tokens", (change, contextLength, message) => {
    const given = inputsOf(modelInputOf({ parameters: 1_000_000, contextLength }), corpusInput());
    expect(contextExtensionKind.refuse(spec(change), given)?.message).toBe(message);
  });

  test("a batch that the ranks cannot divide", () => {
    expect(contextExtensionKind.refuse(spec({ compute: { nodes: 3 } }), inputs)?.message).toBe(
      "spec.training.globalBatchTokens 4096 is no multiple of 1536 (3 ranks x microBatchSize 1 x 512 tokens); set it to 4608",
    );
  });
});

test("results are the losses by position, as decimal strings", () => {
  const measured: KernelResult = {
    reason: "Completed",
    message: "",
    metrics: {},
    position_losses: [{ label: "base", from: 1, to: 64, loss: 2.5 }],
  };
  expect(contextExtensionKind.results(spec(), inputs, new Map([["measure", measured]]))).toEqual({
    positionLosses: [{ label: "base", from: 1, to: 64, loss: "2.5" }],
  });
});
