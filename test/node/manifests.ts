import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { z } from "zod";

/**
 * The quickstart's own manifests, made small enough for a node of two CPUs that also carries a control plane.
 */

const quickstart = join(import.meta.dirname, "../../examples/quickstart");

export const Manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
});
export type Manifest = z.output<typeof Manifest>;

type Tree = { [field: string]: unknown };

/** Two pods of this size and the operator fit two CPUs. */
const compute = { resources: { cpu: "900m", memory: "1Gi" } };
const storage = { size: "1Gi" };

/** A CPU without bfloat16 emulates it, at a quarter of the speed: what is tried here is not the precision. */
const precision = readFileSync("/proc/cpuinfo", "utf8").includes("avx512_bf16") ? "bfloat16" : "float32";

/** What is laid over the quickstart's specs, as a merge patch. */
const smaller: Record<string, Tree> = {
  Corpus: {
    tokenizer: { train: { vocabularySize: 1024, trainingBytes: 1_000_000 } },
    tasks: 2,
    compute,
    storage,
  },
  PretrainRun: {
    model: { preset: "llama-tiny" },
    sequenceLength: 64,
    training: {
      ...{ tokens: 1_536_000, globalBatchTokens: 1024, microBatchSize: 16, evaluateEverySteps: 500 },
      precision,
    },
    checkpoints: { everySteps: 50 },
    compute,
    storage,
  },
  ContextExtension: {
    contextLength: 128,
    training: {
      ...{ tokens: 614_400, globalBatchTokens: 1024, microBatchSize: 8, evaluateEverySteps: 200 },
      precision,
    },
    measurement: { documents: 12 },
    checkpoints: { everySteps: 50 },
    compute,
    storage,
  },
  AlignmentRun: {
    chat: { training: { epochs: 4, sequenceLength: 128, evaluateEverySteps: 50 } },
    preferences: {
      generate: {
        samples: 3,
        maxNewTokens: 24,
        // A model of this size ends no answer: it is the way that is tried here, not the answers.
        judge: { requireEnding: false, sameScript: false, maxRepetition: "1", minMargin: "0" },
      },
    },
    dpo: { training: { epochs: 1, sequenceLength: 128 } },
    compute,
    storage,
  },
  Evaluation: {
    thresholds: [{ suite: "jcommonsenseqa", metric: "accuracy", atLeast: "0" }],
    compute,
    storage,
  },
  InferenceDeployment: { compute: { resources: { cpu: "400m", memory: "1Gi" } } },
};

export const quickstartManifests = (): Manifest[] =>
  readdirSync(quickstart)
    .filter((file) => file.endsWith(".yaml"))
    .sort()
    .flatMap((file) => parseAllDocuments(readFileSync(join(quickstart, file), "utf8")))
    .map((document) => {
      const manifest = Manifest.parse(document.toJS());
      const patch = smaller[manifest.kind];
      return patch === undefined ? manifest : Manifest.parse(merged(manifest, { spec: patch }));
    });

/** One of the quickstart's, under another name, with more laid over it. */
export function likeQuickstart(kind: string, name: string, spec: Tree): Manifest {
  const found = quickstartManifests().find((manifest) => manifest.kind === kind);
  if (found === undefined) throw new Error(`the quickstart has no ${kind}`);
  return Manifest.parse(merged(found, { metadata: { name }, spec }));
}

const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * JSON merge patch (RFC 7386): objects are merged, null removes, everything else takes the place of what was
 * there.
 */
function merged(target: Tree, patch: Tree): Tree {
  const result = { ...target };
  for (const [field, value] of Object.entries(patch)) {
    const old = result[field];
    if (value === null) delete result[field];
    else result[field] = isTree(value) ? merged(isTree(old) ? old : {}, value) : value;
  }
  return result;
}
