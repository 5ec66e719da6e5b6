import { describe, expect, test } from "vitest";
import { admitted, contractIssues, inputsOf, sampleArtifact } from "../../testing/example-kinds.ts";
import type { KernelResult } from "../batch-kind.ts";
import { corpusKind } from "./kind.ts";

const source = {
  name: "web",
  language: "ja",
  licence: "CC0-1.0",
  format: "warc",
  from: { claimName: "crawl" },
};
const small = {
  sources: [source],
  mixture: { ratios: [{ language: "ja", percent: 100 }] },
  tokenizer: { train: { vocabularySize: 1000 } },
};
const everything = {
  ...small,
  sources: [source, { ...source, name: "code", language: "code", format: "code" }],
  cleaning: {
    stages: [
      { name: "addresses", urls: { domains: ["example.org"], list: { claimName: "files", path: "urls" } } },
      { name: "notices", paragraphs: {}, sources: ["web"] },
      { name: "rules", rules: {} },
      { name: "words", languages: ["ja"], words: { words: ["x"], list: { claimName: "files", path: "w" } } },
      { name: "mask", mask: { kinds: ["email", "myNumber"] } },
      {
        name: "learned",
        classifier: {
          clean: { claimName: "files", path: "clean.jsonl" },
          dirty: { claimName: "files", path: "dirty.jsonl" },
        },
      },
    ],
    deduplication: { minHash: {} },
  },
  mixture: {
    tokens: 5000,
    ratios: [
      { language: "ja", percent: 75 },
      { language: "code", percent: 25 },
    ],
    maxEpochs: "1.5",
  },
  tokenizer: { train: { vocabularySize: 1000, removing: [{ contains: "x" }, { pattern: "[0-9]+" }] } },
  tasks: 12,
  compute: { nodes: 3 },
};
const borrowed = { ...small, tokenizer: { fromCorpus: { name: "other" } } };
const tokenizer = {
  role: "tokenizer",
  kind: "Corpus",
  name: "other",
  artifact: sampleArtifact({ type: "corpus" }),
};

describe("stages", () => {
  test.each([
    ["the least", small],
    ["everything", everything],
    ["another corpus's tokenizer", borrowed],
  ])("%s gives configurations the programs accept", (_title, manifest) => {
    const stages = corpusKind.stages(admitted(corpusKind, manifest), inputsOf(tokenizer));
    expect(stages.map((stage) => stage.program)).toEqual(
      expect.arrayContaining(["clean", "deduplicate", "tokenize"]),
    );
    expect(stages.flatMap((stage) => contractIssues(stage, new Map()))).toEqual([]);
  });

  test("one pod deduplicates in one stage, with the memory that it has", () => {
    const stages = corpusKind.stages(admitted(corpusKind, small), inputsOf());
    expect(stages.map((stage) => [stage.name, stage.pods])).toEqual([
      ["clean", 1],
      ["deduplicate", 1],
      ["tokenize", 1],
    ]);
    const config = stages[1]?.config(new Map());
    expect(config).toMatchObject({ workers: 1, memory_bytes: 2 * 2 ** 30, keep: "source_order" });
    expect(config).not.toHaveProperty("step");
  });

  test("pods divide each step of deduplication; what they must agree on has one pod", () => {
    const stages = corpusKind.stages(admitted(corpusKind, everything), inputsOf());
    expect(stages.map((stage) => [stage.name, stage.pods])).toEqual([
      ["clean", 3],
      ["deduplicate-keys", 3],
      ["deduplicate-candidates", 3],
      ["deduplicate-texts", 3],
      ["deduplicate-similarity", 3],
      ["deduplicate-choice", 1],
      ["deduplicate", 3],
      ["tokenize", 1],
    ]);
    expect(stages.filter((stage) => stage.artifact).map((stage) => stage.name)).toEqual(["tokenize"]);
    expect(stages[0]?.config(new Map())).toMatchObject({ tasks: 12, workers: 3 });
    expect(stages.slice(1, 7).map((stage) => stage.config(new Map()).step)).toEqual([
      "keys",
      "candidates",
      "texts",
      "similarity",
      "choice",
      "documents",
    ]);
  });

  test.each([
    [{}, { near: false, exact: true, min_hash: { similarity: 0.8 } }],
    [
      { minHash: { similarity: "0.7" }, keep: "newest" },
      { near: true, keep: "newest", min_hash: { similarity: 0.7 } },
    ],
  ])("deduplication %j", (deduplication, expected) => {
    const spec = admitted(corpusKind, { ...small, cleaning: { deduplication } });
    expect(corpusKind.stages(spec, inputsOf())[1]?.config(new Map())).toMatchObject(expected);
  });

  test("stages of cleaning come in their order, each with the files that it reads", () => {
    const [clean] = corpusKind.stages(admitted(corpusKind, everything), inputsOf());
    const stages = (clean?.config(new Map()).stages ?? []) as Record<string, unknown>[];
    expect(stages.map(({ name }) => name)).toEqual([
      ...["addresses", "notices", "rules", "words", "mask", "learned"],
    ]);
    expect(stages[0]).toMatchObject({ urls: { list: { path: "inputs/addresses-list" } } });
    expect(stages[5]).toMatchObject({
      classifier: { clean: { path: "inputs/learned-clean" }, threshold: 0.5 },
    });
    expect(clean?.mounts).toContainEqual({ name: "words-list", claimName: "files", path: "w" });
    expect(corpusKind.needs(admitted(corpusKind, everything)).map(({ field }) => field)).toContain(
      "cleaning.stages[5].classifier.dirty.claimName",
    );
  });

  test("percents and decimals become numbers", () => {
    const tokenize = corpusKind.stages(admitted(corpusKind, everything), inputsOf()).at(-1);
    expect(tokenize?.config(new Map())).toMatchObject({
      held_out_ratio: 0.01,
      mixture: {
        tokens: 5000,
        max_epochs: 1.5,
        parts: [
          { language: "ja", ratio: 75 },
          { language: "code", ratio: 25 },
        ],
      },
    });
  });

  test("fractions of a percent, sources and licences become the program's mixture", () => {
    const mixture = {
      ratios: [
        { language: "ja", percent: "99.5" },
        { language: "code", percent: "0.5" },
      ],
      sources: [{ name: "code", weight: "2.5", maxEpochs: "0.5" }],
      licences: ["CC0-1.0"],
    };
    const spec = admitted(corpusKind, { ...everything, mixture });
    expect(corpusKind.stages(spec, inputsOf()).at(-1)?.config(new Map())).toMatchObject({
      mixture: {
        parts: [
          { language: "ja", ratio: 99.5 },
          { language: "code", ratio: 0.5 },
        ],
        sources: [{ name: "code", weight: 2.5, max_epochs: 0.5 }],
        licences: ["CC0-1.0"],
      },
      train_tokenizer: { parts: [{ language: "ja" }, { language: "code" }] },
    });
  });

  test("tokens of the parts are the tokens of the whole", () => {
    const ratios = [
      { language: "ja", tokens: 130_000_000_001 },
      { language: "code", tokens: 10_000_000_000 },
    ];
    const spec = admitted(corpusKind, { ...everything, mixture: { ratios } });
    expect(corpusKind.plan(spec, inputsOf())).toMatchObject({ tokens: 140_000_000_001 });
    expect(corpusKind.stages(spec, inputsOf()).at(-1)?.config(new Map())).toMatchObject({
      mixture: { tokens: 140_000_000_001, parts: [{ ratio: 130_000_000_001 }, { ratio: 10_000_000_000 }] },
    });
  });

  test("the tokenizer's sample has ratios of its own", () => {
    const train = { vocabularySize: 1000, ratios: [{ language: "ja", percent: 100 }] };
    const spec = admitted(corpusKind, { ...everything, tokenizer: { train } });
    expect(corpusKind.stages(spec, inputsOf()).at(-1)?.config(new Map())).toMatchObject({
      train_tokenizer: { parts: [{ language: "ja", ratio: 100 }] },
    });
  });

  test("an imported model's tokenizer is mounted and named by path", () => {
    const spec = admitted(corpusKind, {
      ...small,
      tokenizer: { from: { claimName: "models", path: "base" } },
    });
    expect(corpusKind.needs(spec).at(-1)).toMatchObject({
      name: "models",
      data: { path: "base", format: "tokenizer", field: "tokenizer.from.path" },
    });
    const tokenize = corpusKind.stages(spec, inputsOf()).at(-1);
    expect(tokenize?.mounts).toEqual([{ name: "tokenizer", claimName: "models", path: "base" }]);
    expect(tokenize?.config(new Map())).toMatchObject({ tokenizer: { path: "inputs/tokenizer" } });
  });

  test("another corpus's tokenizer is mounted and named by digest", () => {
    const spec = admitted(corpusKind, borrowed);
    expect(corpusKind.references(spec)).toEqual([{ role: "tokenizer", kind: "Corpus", name: "other" }]);
    const [, , tokenize] = corpusKind.stages(spec, inputsOf(tokenizer));
    expect(tokenize?.mounts).toEqual([
      { name: "tokenizer", claimName: tokenizer.artifact.claimName, path: tokenizer.artifact.path },
    ]);
    expect(tokenize?.config(new Map())).toMatchObject({
      tokenizer: { path: "inputs/tokenizer", digest: tokenizer.artifact.digest },
    });
  });
});

describe("refusals", () => {
  test.each([
    [{ heldOutShare: "0" }, "spec.heldOutShare is 0; it must be above 0"],
    [{ heldOutShare: "1.0" }, "spec.heldOutShare is 1.0; it must be below 1"],
    [
      { mixture: { ...small.mixture, maxEpochs: "0.5" } },
      "spec.mixture.maxEpochs is 0.5; it must be at least 1",
    ],
    [
      { mixture: { ...small.mixture, sources: [{ name: "web", weight: "0" }] } },
      "spec.mixture.sources[0].weight is 0; it must be above 0",
    ],
    [
      { mixture: { ...small.mixture, sources: [{ name: "wiki" }] } },
      "spec.mixture.sources[0].name wiki is no source; name one of web",
    ],
    [
      { mixture: { ...small.mixture, licences: ["MIT"] } },
      "spec.mixture.ratios[0].language ja has no source whose licence spec.mixture.licences has; add a source, or take the part out",
    ],
    [
      { tokenizer: { train: { vocabularySize: 1000, ratios: [{ language: "en", percent: 100 }] } } },
      "spec.tokenizer.train.ratios[0].language en has no source; add a source, or take the part out",
    ],
    [
      { cleaning: { stages: [{ name: "rules", rules: {}, sources: ["web", "wap"] }] } },
      "spec.cleaning.stages[0].sources names wap, which is none of spec.sources; those are: web",
    ],
    [
      { compute: { gpusPerNode: 2 } },
      "spec.compute.gpusPerNode is 2, but the corpus programs use no GPU; set it to 0",
    ],
  ])("%j", (change, message) => {
    const refusal = corpusKind.refuse(admitted(corpusKind, { ...small, ...change }), inputsOf());
    expect(refusal).toEqual({ reason: "InvalidSpec", message });
  });

  test("a sound spec is not refused", () => {
    expect(corpusKind.refuse(admitted(corpusKind, everything), inputsOf())).toBeUndefined();
  });
});

test("the plan says what is known: pods, tokens asked for, memory they have", () => {
  expect(corpusKind.plan(admitted(corpusKind, everything), inputsOf())).toEqual({
    ranks: 3,
    tokens: 5000,
    memoryLimitPerRankBytes: 2 * 2 ** 30,
  });
});

describe("results", () => {
  const row = (step: string) => ({
    step,
    language: "ja" as const,
    documents_in: 10,
    documents_out: 8,
    bytes_in: 100,
    bytes_out: 80,
    dropped: { too_short: 2 },
  });
  const result = (...steps: string[]): KernelResult => ({
    reason: "Completed",
    message: "",
    metrics: {},
    funnel: steps.map(row),
  });
  const spec = admitted(corpusKind, small);

  test("the funnel is that of the newest program, which begins with those before it", () => {
    const results = new Map([
      ["clean", result("read")],
      ["deduplicate", result("read", "exact")],
    ]);
    expect(corpusKind.results(spec, inputsOf(), results)).toEqual({
      funnel: ["read", "exact"].map((step) => ({
        step,
        language: "ja",
        documentsIn: 10,
        documentsOut: 8,
        bytesIn: 100,
        bytesOut: 80,
        dropped: { too_short: 2 },
      })),
    });
  });

  test("what cleaning says while it runs, or as it fails, is the funnel so far", () => {
    expect(corpusKind.partialResults?.(result("read"))).toMatchObject({
      funnel: [{ step: "read", documentsIn: 10, dropped: { too_short: 2 } }],
    });
    expect(corpusKind.partialResults?.({})).toEqual({});
  });

  test("a result that had no room for its funnel leaves the one before", () => {
    const { funnel: _, ...cut } = result();
    const results = new Map<string, KernelResult>([
      ["clean", result("read")],
      ["tokenize", cut],
    ]);
    expect(corpusKind.results(spec, inputsOf(), results)).toMatchObject({ funnel: [{ step: "read" }] });
  });
});
