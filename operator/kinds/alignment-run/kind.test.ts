import { describe, expect, test } from "vitest";
import {
  admitted,
  contractIssues,
  digestOf,
  inputsOf,
  modelInputOf,
  sampleArtifact,
} from "../../testing/example-kinds.ts";
import { alignmentRunKind } from "./kind.ts";

const training = { globalBatchSize: 16, sequenceLength: 128, learningRate: "1e-4" };
const chat = { datasets: [{ name: "talk", claimName: "files", path: "talk.jsonl" }], training };
const generate = { prompts: { claimName: "files", path: "prompts.jsonl" } };
const dpo = { training };
const datasets = [{ name: "pairs", claimName: "files", path: "pairs.jsonl" }];
const small = { model: { contextExtension: { name: "long" } } };
const model = modelInputOf({ parameters: 1_000_000, contextLength: 512 });
const inputs = inputsOf(model);
const spec = (parts: object) => admitted(alignmentRunKind, { ...small, ...parts });
const done = new Map([["chat", sampleArtifact({ type: "model", digest: digestOf("chat") })]]);

describe("stages", () => {
  test.each([
    ["chat alone", { chat }, ["chat"]],
    ["everything", { chat, preferences: { generate }, dpo }, ["chat", "candidates", "judge", "dpo"]],
    ["chat, and DPO on given pairs", { chat, preferences: { datasets }, dpo }, ["chat", "dpo"]],
    ["a chat model's own answers", { preferences: { generate }, dpo }, ["candidates", "judge", "dpo"]],
    ["DPO alone", { preferences: { datasets }, dpo }, ["dpo"]],
    ["of an imported model", { model: { directory: { claimName: "models" } }, chat }, ["chat"]],
  ])("%s", (_title, parts, names) => {
    const stages = alignmentRunKind.stages(spec(parts), inputs);
    expect(stages.map((stage) => stage.name)).toEqual(names);
    expect(stages.flatMap((stage) => contractIssues(stage, done))).toEqual([]);
  });

  test("what follows chat tuning works with its model, by digest", () => {
    const stages = alignmentRunKind.stages(spec({ chat, preferences: { generate }, dpo }), inputs);
    const tuned = { path: "output/chat", digest: digestOf("chat") };
    const [chatConfig, candidates, judge, dpoConfig] = stages.map((stage) => stage.config(done));
    expect(chatConfig).toMatchObject({
      model: { path: "inputs/model", digest: model.artifact.digest },
      chat: { conversations: [{ path: "inputs/chat-talk" }], held_out_ratio: 0.05 },
      training: { epochs: 1, global_batch_size: 16 },
    });
    expect(candidates).toMatchObject({ model: tuned, prompts: { path: "inputs/prompts" }, samples: 4 });
    expect(judge).toMatchObject({ candidates: "output/candidates", min_margin: 0.05 });
    expect(dpoConfig).toMatchObject({
      model: tuned,
      dpo: { preferences: [{ path: "output/judge/preferences.jsonl" }], beta: 0.1 },
      parents: [{ path: "inputs/prompts" }],
    });
    expect(() => stages[1]?.config(new Map())).toThrow("stage chat has no artifact yet");
  });

  test("without chat tuning the reference is the run's model", () => {
    const [only] = alignmentRunKind.stages(spec({ preferences: { datasets }, dpo }), inputs);
    expect(only?.mounts).toContainEqual({
      name: "preferences-pairs",
      claimName: "files",
      path: "pairs.jsonl",
    });
    expect(only?.config(new Map())).toMatchObject({
      model: { path: "inputs/model" },
      dpo: { preferences: [{ path: "inputs/preferences-pairs" }] },
    });
  });

  test("training has every GPU, sampling one, judging none", () => {
    const compute = { nodes: 2, gpusPerNode: 8 };
    const stages = alignmentRunKind.stages(spec({ chat, preferences: { generate }, dpo, compute }), inputs);
    expect(
      stages.map(({ pods, processesPerPod, gpusPerPod }) => [pods, processesPerPod, gpusPerPod]),
    ).toEqual([
      [2, 8, 8],
      [1, 1, 1],
      [1, 1, 0],
      [2, 8, 8],
    ]);
  });
});

describe("refusals", () => {
  test.each([
    [
      { chat, compute: { nodes: 3 } },
      "spec.chat.training.globalBatchSize 16 is no multiple of 3 (3 ranks x microBatchSize 1); set it to 18",
    ],
    [
      { preferences: { datasets }, dpo: { training: { ...training, sequenceLength: 1024 } } },
      "spec.dpo.training.sequenceLength 1024 is over the model's context of 512 tokens; set it to 512 or less, or extend the context first",
    ],
    [
      { chat, preferences: { generate: { ...generate, maxNewTokens: 600 } }, dpo },
      "spec.preferences.generate.maxNewTokens 600 is over the model's context of 512 tokens; set it to 512 or less, or extend the context first",
    ],
    [
      { chat, preferences: { datasets }, dpo: { ...dpo, beta: "0" } },
      "spec.dpo.beta is 0; it must be above 0",
    ],
    [
      { chat, preferences: { generate: { ...generate, temperature: "11" } }, dpo },
      "spec.preferences.generate.temperature is 11; it must be at most 10",
    ],
    [{ chat: { ...chat, heldOutShare: "1" } }, "spec.chat.heldOutShare is 1; it must be below 1"],
  ])("%j", (parts, message) => {
    expect(alignmentRunKind.refuse(spec(parts), inputs)).toEqual({ reason: "InvalidSpec", message });
  });

  test("a sound spec is not refused", () => {
    expect(alignmentRunKind.refuse(spec({ chat, preferences: { generate }, dpo }), inputs)).toBeUndefined();
  });
});

test("a pair of DPO is two sequences: the plan's memory is that of the part that needs most", () => {
  const long = { ...training, sequenceLength: 512 };
  const chatOnly = alignmentRunKind.plan(spec({ chat: { ...chat, training: long } }), inputs);
  const both = { chat: { ...chat, training: long }, preferences: { datasets }, dpo: { training: long } };
  const withDpo = alignmentRunKind.plan(spec(both), inputs);
  expect(withDpo.memoryPerRankBytes).toBeGreaterThan(chatOnly.memoryPerRankBytes ?? Number.NaN);
  expect(withDpo.steps).toBeUndefined();
});
