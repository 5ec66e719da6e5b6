import type { Changes } from "../../operator/testing/samples.ts";
import type { Rule } from "./rules.ts";

interface Case {
  /** The kinds it is for; absent: every kind that has the rule. */
  kinds?: string[];
  path: string;
  message: RegExp;
  accepted: Changes;
  refused: Changes;
}

const [inside, outside] = ["a/..b/c", "a/../../b"];
const file = (path: string) => ({ claimName: "files", path });
const named = (path: string) => [{ name: "one", ...file(path) }];
const dpo = { training: { globalBatchSize: 8, sequenceLength: 64, learningRate: "1e-5" } };
const crawl = { name: "web", licence: "Apache-2.0", format: "warc", from: file(".") };
const half = [
  { language: "ja", percent: 50 },
  { language: "en", percent: 50 },
];
const source = (path: string, language = "ja") => [
  { name: "web", language, licence: "Apache-2.0", format: "warc", from: file(path) },
];
const suite = (files: Record<string, unknown>) => [
  { name: "qa", task: "jsquad", shots: 2, data: file("d"), ...files },
];
const stage = (sort: Record<string, unknown>) => ({ name: "a", ...sort });
const examples = { clean: file("c"), dirty: file("d") };
const threshold = (name: string) => [{ suite: name, metric: "exact_match", atLeast: "0.5" }];
const shape = (attentionHeads: number, keyValueHeads: number, hiddenSize = 64) => ({
  model: { shape: { hiddenSize, intermediateSize: 128, layers: 2, attentionHeads, keyValueHeads } },
});

/** A path may hold names that begin with two dots, but may not climb. */
const climbing = (path: string, changes: (path: string) => Changes, kinds?: string[]): Case => ({
  path,
  message: /must not contain '\.\.'/,
  accepted: changes(inside),
  refused: changes(outside),
  ...(kinds && { kinds }),
});

/** Amounts that Kubernetes reads, and of them those that mean nothing to a pod or a claim. */
const amount = (path: string, message: RegExp, refused: string): Case => ({
  path,
  message,
  accepted: { [path.replace(/^spec\./, "")]: path.endsWith("cpu") ? "1e3" : "1.5Gi" },
  refused: { [path.replace(/^spec\./, "")]: refused },
});

const claimed = [{ name: "nic", resourceClaimTemplateName: "nic" }];

const cases: Case[] = [
  amount("spec.compute.resources.memory", /whole number of bytes/, "1m"),
  amount("spec.compute.resources.cpu", /at most 1024/, "1500"),
  {
    path: "spec.storage.size",
    message: /whole number of bytes/,
    accepted: { storage: { size: "1Ei" } },
    refused: { storage: { size: "9223372036854775808" } },
  },
  {
    path: "spec.compute",
    message: /accelerator needs gpusPerNode/,
    accepted: { "compute.accelerator": "a100-80gb", "compute.gpusPerNode": 1 },
    refused: { "compute.accelerator": "a100-80gb" },
  },
  {
    path: "spec.compute",
    message: /resourceClaims need gpusPerNode/,
    accepted: { "compute.resourceClaims": claimed, "compute.gpusPerNode": 1 },
    refused: { "compute.resourceClaims": claimed },
  },
  amount("spec.compute.resources.ephemeralStorage", /whole number of bytes/, "1m"),
  ...["labels", "annotations"].flatMap((field): Case[] => [
    {
      path: `spec.compute.${field}`,
      message: /an optional DNS subdomain/,
      accepted: { [`compute.${field}`]: { "example.com/Cost_Centre.1": "a", team: "" } },
      refused: { [`compute.${field}`]: { "Example.com/team": "a" } },
    },
    {
      path: `spec.compute.${field}`,
      message: /the operator's own/,
      accepted: { [`compute.${field}`]: { "app.kubernetes.io/name": "a" } },
      refused: { [`compute.${field}`]: { "tanren.dev/uid": "a" } },
    },
  ]),
  {
    path: "spec.compute.env[].name",
    message: /the operator's own/,
    accepted: { "compute.env": [{ name: "NCCL_DEBUG", value: "INFO" }] },
    refused: { "compute.env": [{ name: "TANREN_RESULT", value: "/dev/null" }] },
  },
  {
    path: "spec.strategy",
    message: /rollingUpdate belongs to type RollingUpdate/,
    accepted: { strategy: { type: "Recreate" } },
    refused: { strategy: { type: "Recreate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } },
  },
  {
    path: "spec.strategy",
    message: /maxSurge and maxUnavailable cannot both be 0/,
    accepted: { strategy: { rollingUpdate: { maxSurge: "0%", maxUnavailable: "1%" } } },
    refused: { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: "0%" } } },
  },
  {
    path: "spec.storage",
    message: /exactly one of claimName, size/,
    accepted: { storage: { claimName: "files" } },
    refused: { storage: { claimName: "files", size: "1Gi" } },
  },
  {
    path: "spec.storage",
    message: /belong to a claim that is made/,
    accepted: { storage: { size: "1Gi", storageClassName: "standard", accessMode: "ReadWriteOnce" } },
    refused: { storage: { claimName: "files", accessMode: "ReadWriteOnce" } },
  },
  {
    path: "spec.storage",
    message: /adopt needs claimName/,
    accepted: {},
    refused: { storage: { size: "1Gi", adopt: "corpora/old-1a2b3c4d" } },
  },
  ...["corpora", "pretrainruns", "contextextensions", "alignmentruns", "evaluations"].map(
    (plural): Case => ({
      path: "",
      message: new RegExp(`adopt must name the directory of a \\w+: ${plural}/`),
      accepted: { storage: { claimName: "files", adopt: `${plural}/old-1a2b3c4d` } },
      refused: { storage: { claimName: "files", adopt: "models/old-1a2b3c4d" } },
    }),
  ),
  {
    path: "spec.model",
    message: /exactly one of pretrainRun, contextExtension/,
    accepted: { model: { contextExtension: { name: "l" } } },
    refused: { model: { contextExtension: { name: "l" }, directory: file("m") } },
  },
  climbing("spec.model.directory.path", (path) => ({ model: { directory: file(path) } })),
  climbing("spec.chat.datasets[].path", (path) => ({ "chat.datasets": named(path) })),
  climbing("spec.preferences.datasets[].path", (path) => ({ preferences: { datasets: named(path) }, dpo })),
  climbing("spec.preferences.generate.prompts.path", (path) => ({
    preferences: { generate: { prompts: file(path) } },
    dpo,
  })),
  climbing("spec.sources[].from.path", (path) => ({ sources: source(path) })),
  climbing("spec.tokenizer.from.path", (path) => ({ tokenizer: { from: file(path) } })),
  climbing("spec.cleaning.stages[].classifier.clean.path", (path) => ({
    "cleaning.stages": [stage({ classifier: { clean: file(path), dirty: file("d") } })],
  })),
  climbing("spec.cleaning.stages[].classifier.dirty.path", (path) => ({
    "cleaning.stages": [stage({ classifier: { clean: file("c"), dirty: file(path) } })],
  })),
  climbing("spec.cleaning.stages[].urls.list.path", (path) => ({
    "cleaning.stages": [stage({ urls: { list: file(path) } })],
  })),
  climbing("spec.cleaning.stages[].words.list.path", (path) => ({
    "cleaning.stages": [stage({ words: { list: file(path) } })],
  })),
  {
    path: "spec.cleaning.stages[]",
    message: /exactly one of urls, paragraphs, rules, words, mask, classifier/,
    accepted: { "cleaning.stages": [stage({ rules: {} }), { name: "b", mask: { kinds: ["email"] } }] },
    refused: { "cleaning.stages": [stage({ rules: {}, mask: { kinds: ["email"] } })] },
  },
  {
    path: "spec.cleaning.stages[]",
    message: /must not be one of read, /,
    accepted: { "cleaning.stages": [stage({ rules: {} })] },
    refused: { "cleaning.stages": [{ name: "mixture", rules: {} }] },
  },
  {
    path: "spec.cleaning.stages[].classifier",
    message: /only one of threshold and precision/,
    accepted: { "cleaning.stages": [stage({ classifier: { ...examples, precision: "0.9" } })] },
    refused: {
      "cleaning.stages": [stage({ classifier: { ...examples, precision: "0.9", threshold: "0.5" } })],
    },
  },
  climbing("spec.suites[].data.path", (path) => ({ suites: suite({ data: file(path) }) })),
  climbing("spec.suites[].examples.path", (path) => ({ suites: suite({ examples: file(path) }) })),
  {
    path: "spec",
    message: /at least one of chat and dpo/,
    accepted: { chat: undefined, dpo, preferences: { datasets: named("p") } },
    refused: { chat: undefined },
  },
  {
    path: "spec",
    message: /dpo and preferences belong together/,
    accepted: { dpo, preferences: { datasets: named("p") } },
    refused: { dpo },
  },
  {
    path: "spec.preferences",
    message: /exactly one of datasets, generate/,
    accepted: { dpo, preferences: { generate: { prompts: file("p") } } },
    refused: { dpo, preferences: { datasets: named("p"), generate: { prompts: file("p") } } },
  },
  {
    path: "spec",
    message: /multiple of contextLength/,
    accepted: { contextLength: 512 },
    refused: { contextLength: 300 },
  },
  {
    path: "spec",
    message: /multiple of sequenceLength/,
    accepted: { sequenceLength: 512 },
    refused: { sequenceLength: 300 },
  },
  {
    path: "spec",
    message: /comparisons must not repeat method/,
    accepted: { comparisons: ["none"] },
    refused: { comparisons: ["positionInterpolation"] },
  },
  {
    path: "spec.training",
    message: /tokens must be at least globalBatchTokens/,
    accepted: { "training.tokens": 1024 },
    refused: { "training.tokens": 1023 },
  },
  {
    path: "spec",
    message: /every language of mixture.ratios needs a source/,
    accepted: { sources: source("."), "mixture.ratios": [{ language: "ja", percent: 100 }] },
    refused: { sources: source(".", "en"), "mixture.ratios": [{ language: "ja", percent: 100 }] },
  },
  {
    path: "spec.sources[]",
    message: /exactly one of language, languages must be set/,
    accepted: { sources: [{ ...crawl, languages: ["ja", "en"] }], "mixture.ratios": half },
    refused: { sources: [crawl], "mixture.ratios": half },
  },
  {
    path: "spec.sources[]",
    message: /only jsonl and parquet have a textField/,
    accepted: { sources: [{ ...crawl, language: "ja", format: "parquet", textField: "body" }] },
    refused: { sources: [{ ...crawl, language: "ja", textField: "body" }] },
  },
  {
    path: "spec.mixture.ratios",
    message: /percents must sum to 100/,
    accepted: {
      sources: [...source("."), { ...source("more", "en")[0], name: "more" }],
      "mixture.ratios": [
        { language: "ja", percent: "99.9" },
        { language: "en", percent: "0.1" },
      ],
    },
    refused: {
      sources: [...source("."), { ...source("more", "en")[0], name: "more" }],
      "mixture.ratios": [
        { language: "ja", percent: 99 },
        { language: "en", percent: "0.9" },
      ],
    },
  },
  {
    path: "spec.mixture.ratios",
    message: /every part must have percent, or every part tokens/,
    accepted: { "mixture.ratios": [{ language: "ja", tokens: 1000 }] },
    refused: { "mixture.ratios": [{ language: "ja", tokens: 1000, percent: 100 }] },
  },
  {
    path: "spec.mixture",
    message: /tokens must be absent/,
    accepted: { "mixture.tokens": 1000, "mixture.ratios": [{ language: "ja", percent: 100 }] },
    refused: { "mixture.tokens": 1000, "mixture.ratios": [{ language: "ja", tokens: 1000 }] },
  },
  {
    path: "spec.tokenizer.train.ratios",
    message: /percents must sum to 100/,
    accepted: { "tokenizer.train.ratios": [{ language: "ja", percent: 100 }] },
    refused: { "tokenizer.train.ratios": [{ language: "ja", percent: 50 }] },
  },
  {
    path: "spec.cleaning.deduplication.minHash",
    message: /bands must divide permutations/,
    accepted: { "cleaning.deduplication.minHash": { permutations: 64, bands: 8 } },
    refused: { "cleaning.deduplication.minHash": { permutations: 100 } },
  },
  {
    path: "spec.tokenizer",
    message: /exactly one of train, fromCorpus, from/,
    accepted: { tokenizer: { fromCorpus: { name: "other" } } },
    refused: { tokenizer: {} },
  },
  {
    path: "spec.tokenizer.train.removing[]",
    message: /exactly one of contains, pattern/,
    accepted: { "tokenizer.train.removing": [{ contains: "a" }, { pattern: "b" }] },
    refused: { "tokenizer.train.removing": [{ contains: "a" }, { contains: "a", pattern: "b" }] },
  },
  {
    path: "spec",
    message: /every threshold must name a suite/,
    accepted: { thresholds: threshold("qa") },
    refused: { thresholds: threshold("other") },
  },
  {
    path: "spec.model",
    message: /exactly one of preset, shape/,
    accepted: shape(4, 2),
    refused: { model: {} },
  },
  {
    path: "spec.model.shape",
    message: /attentionHeads must divide hiddenSize/,
    accepted: shape(8, 8),
    refused: shape(5, 5),
  },
  {
    path: "spec.model.shape",
    message: /keyValueHeads must divide attentionHeads/,
    accepted: shape(4, 1),
    refused: shape(4, 3),
  },
  {
    path: "spec.model.shape",
    message: /must be even/,
    accepted: shape(8, 8, 80),
    refused: shape(8, 8, 72),
  },
];

/** What tests a rule; an error for one that nobody has thought of. */
export function caseOf({ kind, path, message }: Rule): Case {
  const found = cases.filter(
    (each) => each.path === path && each.message.test(message) && (each.kinds?.includes(kind) ?? true),
  );
  const [only, ...more] = found;
  if (only === undefined || more.length > 0)
    throw new Error(
      `${found.length} cases for rule "${message}" at ${kind} ${path}; there must be one in cases.ts`,
    );
  return only;
}

/** A valid change of every field that a started run keeps; "lets": of what it lets change in the field. */
const kept: Record<string, Changes> = {
  "chat lets": { "chat.training.microBatchSize": 2 },
  "dpo lets": { "dpo.training.microBatchSize": 2 },
  "training lets": { "training.microBatchSize": 2 },
  "chat.datasets lets": { "chat.datasets": named("q") },
  "preferences.datasets lets": { "preferences.datasets": named("q") },
  "preferences.generate.prompts lets": { "preferences.generate.prompts.path": "q" },
  "preferences.generate.judge lets": { "preferences.generate.judge": { maxCharacters: 9 } },
  "Corpus.sources": { sources: [...source("."), { ...source("more")[0], name: "more" }] },
  "Corpus.extraction": { extraction: { mainContent: false } },
  "Corpus.cleaning": { cleaning: { stages: [stage({ rules: {} })] } },
  "Corpus.mixture": { "mixture.tokens": 1_000_000 },
  "Corpus.tokenizer": { "tokenizer.train.vocabularySize": 2000 },
  "Corpus.heldOutShare": { heldOutShare: "0.02" },
  "Corpus.shardTokens": { shardTokens: 2048 },
  "Corpus.tasks": { tasks: 3 },
  "PretrainRun.corpus": { corpus: { name: "other" } },
  "PretrainRun.model": shape(4, 2),
  "PretrainRun.sequenceLength": { sequenceLength: 256 },
  "ContextExtension.corpus": { corpus: { name: "other" } },
  "ContextExtension.contextLength": { contextLength: 512 },
  "ContextExtension.method": { method: "none" },
  "ContextExtension.comparisons": { comparisons: ["none"] },
  "ContextExtension.measurement": { "measurement.documents": 7 },
  "AlignmentRun.chat": { "chat.heldOutShare": "0.1" },
  "AlignmentRun.preferences": { dpo, preferences: { datasets: named("p") } },
  "AlignmentRun.dpo": { dpo, preferences: { datasets: named("p") } },
  "Evaluation.suites": { suites: suite({ limit: 3 }) },
  "Evaluation.thresholds": { thresholds: threshold("qa") },
  "Evaluation.batchSize": { batchSize: 3 },
  model: { model: { directory: file("m") } },
  training: { "training.learningRate": "2e-3" },
  parallelism: { "parallelism.shard": 2 },
  checkpoints: { "checkpoints.everySteps": 7 },
  compute: { "compute.nodes": 2 },
  storage: { storage: { size: "20Gi" } },
  seed: { seed: 7 },
};

/** What the object has before the change, where a sample has nothing to change. */
const before: Record<string, Changes> = {
  "dpo lets": { dpo, preferences: { datasets: named("p") } },
  "preferences.datasets lets": { dpo, preferences: { datasets: named("p") } },
  "preferences.generate.prompts lets": { dpo, preferences: { generate: { prompts: file("p") } } },
  "preferences.generate.judge lets": { dpo, preferences: { generate: { prompts: file("p") } } },
};

export const sampleFor = ({ keeps = "", lets }: Rule): Changes => (lets && before[`${keeps} lets`]) ?? {};

export function changeOf({ kind, keeps = "", lets }: Rule): Changes {
  const changes = (lets && kept[`${keeps} lets`]) ?? kept[`${kind}.${keeps}`] ?? kept[keeps];
  if (changes === undefined)
    throw new Error(`cases.ts has no change of ${kind} spec.${keeps}, which a rule keeps`);
  return changes;
}
