/** One small valid spec per kind, for tests. */
const corpus = {
  sources: [
    { name: "web", language: "ja", licence: "Apache-2.0", format: "warc", from: { claimName: "pages" } },
  ],
  mixture: { ratios: [{ language: "ja", percent: 100 }] },
  tokenizer: { train: { vocabularySize: 1000 } },
};

const training = { tokens: 65_536, globalBatchTokens: 1024, learningRate: "1e-3" };
const sampleTraining = { globalBatchSize: 8, sequenceLength: 128, learningRate: "1e-3" };
const datasets = [{ name: "talks", claimName: "files", path: "talks.jsonl" }];

export const samples: Record<string, Record<string, unknown>> = {
  Corpus: corpus,
  PretrainRun: { corpus: { name: "c" }, model: { preset: "llama-tiny" }, sequenceLength: 128, training },
  ContextExtension: {
    model: { pretrainRun: { name: "p" } },
    corpus: { name: "c" },
    contextLength: 256,
    training,
  },
  AlignmentRun: { model: { pretrainRun: { name: "p" } }, chat: { datasets, training: sampleTraining } },
  Evaluation: {
    model: { alignmentRun: { name: "a" } },
    suites: [{ name: "qa", task: "jsquad", data: { claimName: "files" }, shots: 2 }],
  },
  InferenceDeployment: { model: { alignmentRun: { name: "a" } } },
};

/** Changes of a sample by dotted path below spec; undefined removes. */
export type Changes = Record<string, unknown>;

/** The spec of a kind's sample with the changes. */
export function changed(kind: string, changes: Changes): Record<string, unknown> {
  const spec = structuredClone(samples[kind] ?? {});
  for (const [path, value] of Object.entries(changes)) {
    const names = path.split(".");
    const last = names.pop() ?? "";
    let node = spec;
    for (const name of names) {
      node[name] ??= {};
      node = node[name] as Record<string, unknown>;
    }
    if (value === undefined) delete node[last];
    else node[last] = structuredClone(value);
  }
  return spec;
}
