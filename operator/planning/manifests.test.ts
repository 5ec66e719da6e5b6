import { describe, expect, test } from "vitest";
import { apiVersion } from "../api/kinds.ts";
import { exampleObjects, sampleArtifact } from "../testing/example-kinds.ts";
import { type ObjectPlan, planManifests } from "./manifests.ts";
import type { PlannedObject } from "./planned-kinds.ts";

const object = (kind: string, name: string, spec: object): PlannedObject => ({
  apiVersion,
  kind,
  metadata: { name },
  spec,
});

const source = {
  name: "web",
  language: "ja",
  licence: "CC0-1.0",
  format: "text",
  from: { claimName: "crawl" },
};
const corpusSpec = (tokenizer: object) => ({
  sources: [source],
  mixture: { ratios: [{ language: "ja", percent: 100 }] },
  tokenizer,
});
const corpus = (name = "corpus", tokenizer: object = { train: { vocabularySize: 1000 } }) =>
  object("Corpus", name, corpusSpec(tokenizer));
const training = { tokens: 1_000_000, globalBatchTokens: 4096, learningRate: "1e-3" };
const shape = { hiddenSize: 96, intermediateSize: 256, layers: 3, attentionHeads: 6, keyValueHeads: 2 };
const base = (spec: object = {}) =>
  object("PretrainRun", "base", {
    corpus: { name: "corpus" },
    model: { shape },
    sequenceLength: 128,
    training,
    ...spec,
  });
const extension = (spec: object = {}) =>
  object("ContextExtension", "long", {
    model: { pretrainRun: { name: "base" } },
    corpus: { name: "corpus" },
    contextLength: 512,
    training,
    ...spec,
  });
const alignment = (spec: object = {}) =>
  object("AlignmentRun", "assistant", {
    model: { contextExtension: { name: "long" } },
    chat: {
      datasets: [{ name: "talk", claimName: "files" }],
      training: { globalBatchSize: 8, sequenceLength: 512, learningRate: "1e-4" },
    },
    ...spec,
  });
const evaluation = (spec: object = {}) =>
  object("Evaluation", "gate", {
    model: { alignmentRun: { name: "assistant" } },
    suites: [{ name: "sense", task: "jcommonsenseqa", shots: 3, data: { claimName: "files" } }],
    thresholds: [{ suite: "sense", metric: "accuracy", atLeast: "0.3" }],
    ...spec,
  });
const serving = (spec: object = {}) =>
  object("InferenceDeployment", "chat", {
    model: { alignmentRun: { name: "assistant" } },
    requires: [{ name: "gate" }],
    ...spec,
  });
const chain = [corpus(), base(), extension(), alignment(), evaluation(), serving()];

const of = (plans: ObjectPlan[], kind: string): ObjectPlan => {
  const found = plans.find((plan) => plan.kind === kind);
  if (!found) throw new Error(`no plan of a ${kind}`);
  return found;
};
const problemsOf = (...objects: PlannedObject[]) =>
  planManifests(objects).flatMap(({ problems }) => problems);

describe("a whole chain", () => {
  const plans = planManifests(chain);

  test("has no problems, and keeps the given order", () => {
    expect(plans.map(({ kind, problems }) => [kind, problems])).toEqual(chain.map(({ kind }) => [kind, []]));
  });

  test("parameters, vocabulary and context are handed down it", () => {
    // 1,000 x 96 twice; 3 blocks of 2 x 96^2 + 2 x 96 x 32 + 3 x 96 x 256 + 2 x 96; one norm.
    const parameters = 192_000 + 3 * (18_432 + 6_144 + 73_728 + 192) + 96;
    for (const kind of [
      "PretrainRun",
      "ContextExtension",
      "AlignmentRun",
      "Evaluation",
      "InferenceDeployment",
    ]) {
      expect(of(plans, kind).plan?.parameters).toBe(parameters);
    }
    // 8 requests of 512 tokens: 2 x 3 layers x 2 heads x 16 dimensions x 2 bytes a token.
    const cache = 8 * 512 * 2 * 3 * 2 * 16 * 2;
    expect(of(plans, "InferenceDeployment").plan?.memoryPerRankBytes).toBe(
      // And 8 bodies of 8 MiB, and two texts of 512 tokens.
      2 * parameters + cache + 384 * 2 ** 20 + 8 * 8 * 2 ** 20 + 2 * 200 * 16 * 512,
    );
  });

  test("order of the manifests does not matter", () => {
    const reversed = planManifests(chain.toReversed());
    expect(reversed.toReversed()).toEqual(plans);
  });
});

describe("problems", () => {
  test("a missing reference", () => {
    expect(problemsOf(base())).toEqual([
      {
        severity: "warning",
        about: "manifests",
        field: "spec.corpus",
        reason: "InputNotFound",
        message: "Corpus corpus (corpus) does not exist in this namespace; create it or correct the name",
      },
    ]);
  });

  test("a reference to an object of another kind", () => {
    const [problem] = problemsOf(corpus(), base({ corpus: { name: "base" } }));
    expect(problem?.message).toContain("there is a PretrainRun of that name: refer to it by its own field");
  });

  test("objects of another namespace are none", () => {
    const elsewhere = { ...corpus(), metadata: { name: "corpus", namespace: "other" } };
    expect(problemsOf(elsewhere, base())).toMatchObject([{ reason: "InputNotFound" }]);
  });

  test("references that lead back", () => {
    const first = corpus("first", { fromCorpus: { name: "second" } });
    const second = corpus("second", { fromCorpus: { name: "first" } });
    expect(problemsOf(first, second)).toEqual([
      {
        severity: "error",
        about: "manifests",
        field: "spec.tokenizer.fromCorpus",
        reason: "CyclicReference",
        message:
          "the references lead back: Corpus/first -> Corpus/second -> Corpus/first; let one of them name another object",
      },
    ]);
    expect(problemsOf(corpus("own", { fromCorpus: { name: "own" } }))).toMatchObject([
      { reason: "CyclicReference" },
    ]);
  });

  test("ranks that do not multiply out", () => {
    const given = base({ parallelism: { shard: 2, replicate: 2 }, compute: { nodes: 2 } });
    expect(problemsOf(corpus(), given)).toMatchObject([{ reason: "InvalidSpec" }]);
  });

  test("too little memory", () => {
    const given = base({ compute: { resources: { memory: "100Mi" } } });
    expect(problemsOf(corpus(), given)).toMatchObject([{ reason: "InsufficientMemory" }]);
  });

  test("a context shorter than the parent's", () => {
    const given = extension({ contextLength: 64, training: { ...training, globalBatchTokens: 4096 } });
    expect(problemsOf(corpus(), base(), given).map(({ message }) => message)).toEqual([
      "spec.contextLength 64 does not lengthen the model's context of 128 tokens; set it above 128",
    ]);
  });

  test("a corpus of another tokenizer, but not one that borrows it", () => {
    const given = extension({ corpus: { name: "long" } });
    const own = corpus("long");
    const borrowed = corpus("long", { fromCorpus: { name: "corpus" } });
    expect(problemsOf(corpus(), base(), given, own)).toMatchObject([{ reason: "TokenizerMismatch" }]);
    expect(problemsOf(corpus(), base(), given, borrowed)).toEqual([]);
  });

  test("a gate that is missing, or asks another model", () => {
    expect(problemsOf(...chain.filter(({ kind }) => kind !== "Evaluation"))).toMatchObject([
      { reason: "InputNotFound" },
    ]);
    const other = evaluation({ model: { pretrainRun: { name: "base" } } });
    expect(problemsOf(...chain.map((entry) => (entry.kind === "Evaluation" ? other : entry)))).toMatchObject([
      { reason: "EvaluationNotPassed" },
    ]);
  });

  test("a spec that the schema refuses has no plan, field by field", () => {
    const [, plan] = planManifests([corpus(), base({ sequenceLength: "128", colour: "red" })]);
    expect(plan?.plan).toBeUndefined();
    expect(plan?.problems.map(({ message }) => message.split(":")[0])).toEqual([
      "spec.sequenceLength",
      "spec.colour",
    ]);
  });
});

test("an artifact that is there goes before what its manifest foretells", () => {
  const artifact = sampleArtifact({ type: "corpus", vocabularySize: 900 });
  const [, plan] = planManifests([{ ...corpus(), status: { artifact } }, base()]);
  const [, foretold] = planManifests([corpus(), base()]);
  const less = (foretold?.plan?.parameters ?? 0) - (plan?.plan?.parameters ?? 0);
  expect(less).toBe(2 * 100 * 96);
});

test("objects of other kinds are passed over", () => {
  const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "crawl" } };
  expect(planManifests([claim, corpus()]).map(({ kind }) => kind)).toEqual(["Corpus"]);
});

describe("the published programmes", () => {
  const plans = (folder: string) => planManifests(exampleObjects(folder));

  test.each(["programme-a", "programme-b"])(
    "%s has no problems, and every plan that says so fits",
    (folder) => {
      for (const { kind, name, plan, problems } of plans(folder)) {
        expect([kind, name, problems]).toEqual([kind, name, []]);
        const needed = plan?.memoryPerRankBytes ?? 0;
        expect(needed).toBeLessThanOrEqual(plan?.memoryLimitPerRankBytes ?? 0);
        expect(needed > 0).toBe(kind !== "Corpus");
      }
    },
  );

  test("A trains 13,015,864,320 parameters on 512 GPUs at the pace LLaMA-13B had, within a factor of 1.5", () => {
    const { plan } = of(plans("programme-a"), "PretrainRun");
    expect(plan).toMatchObject({
      ranks: 512,
      parameters: 13_015_864_320,
      steps: 238_418,
      checkpointBytes: 12 * 13_015_864_320,
    });
    // 135,168 A100 hours for 1.0T tokens (Touvron et al. 2023, table 15).
    const published = 135_168 / 1e12;
    const planned = ((plan?.estimatedSeconds ?? 0) * 512) / 3600 / (plan?.tokens ?? 1);
    expect(planned / published).toBeGreaterThan(1 / 1.5);
    expect(planned / published).toBeLessThan(1.5);
  });

  test("B trains on 128 GPUs over 260B tokens", () => {
    const { plan } = of(plans("programme-b"), "PretrainRun");
    expect(plan?.ranks).toBe(128);
    expect((plan?.tokens ?? 0) / 260e9).toBeCloseTo(1, 4);
  });
});
