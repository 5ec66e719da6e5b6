import type { z } from "zod";
import type { Inputs } from "../../api/artifact.ts";
import { type CorpusSpec, MinHash } from "../../api/corpus.ts";
import { rankOf } from "../../estimates/hardware.ts";
import type { Mount, Stage } from "../batch-kind.ts";
import { artifactInput, artifactMount, claimMount, mounted, requiredInput } from "../stage-inputs.ts";
import { cleaningConfig, cleaningMounts } from "./cleaning.ts";

type Spec = z.output<typeof CorpusSpec>;

/** Role of the Corpus whose tokenizer is used. */
export const tokenizerRole = "tokenizer";

const sourceMount = (name: string) => `source-${name}`;

/**
 * Where one pod does all, deduplication is one stage. Pods that share it need everything of a step before they
 * begin the next, so there each step is a stage.
 */
const sharedSteps = ["keys", "candidates", "texts", "similarity", "choice"] as const;

export function corpusStages(spec: Spec, inputs: Inputs): Stage[] {
  const onePod = {
    pods: 1,
    coupling: "independent",
    processesPerPod: 1,
    gpusPerPod: 0,
    artifact: false,
  } as const;
  return [
    {
      ...onePod,
      name: "clean",
      program: "clean",
      pods: spec.compute.nodes,
      mounts: cleanMounts(spec),
      config: () => cleanConfig(spec),
    },
    ...(spec.compute.nodes > 1 ? sharedSteps : []).map(
      (step): Stage => ({
        ...onePod,
        name: `deduplicate-${step}`,
        program: "deduplicate",
        pods: step === "choice" ? 1 : spec.compute.nodes,
        mounts: [],
        config: () => ({ ...deduplicateConfig(spec), ...(step === "choice" && { workers: 1 }), step }),
      }),
    ),
    {
      ...onePod,
      name: "deduplicate",
      program: "deduplicate",
      pods: spec.compute.nodes,
      mounts: [],
      config: () => ({
        ...deduplicateConfig(spec),
        ...(spec.compute.nodes > 1 && { step: "documents" }),
      }),
    },
    {
      ...onePod,
      name: "tokenize",
      program: "tokenize",
      mounts: tokenizerMounts(spec, inputs),
      artifact: true,
      config: () => tokenizeConfig(spec, inputs),
    },
  ];
}

const cleanMounts = (spec: Spec): Mount[] => [
  ...spec.sources.map((source) => claimMount(sourceMount(source.name), source.from)),
  ...cleaningMounts(spec),
];

function cleanConfig(spec: Spec): Record<string, unknown> {
  return {
    sources: spec.sources.map(({ name, language, languages, licence, format, textField, include }) => ({
      name,
      language,
      languages,
      licence,
      format,
      text_field: textField,
      include,
      input: mounted(sourceMount(name)),
    })),
    tasks: spec.tasks,
    workers: spec.compute.nodes,
    extraction: {
      main_content: spec.extraction.mainContent,
      output: spec.extraction.output,
      ruby: spec.extraction.ruby,
      max_record_bytes: spec.extraction.maxRecordBytes,
      max_record_seconds: spec.extraction.maxRecordSeconds,
      max_record_memory_bytes: spec.extraction.maxRecordMemoryBytes,
    },
    stages: cleaningConfig(spec),
    seed: spec.seed,
  };
}

function deduplicateConfig(spec: Spec): Record<string, unknown> {
  const { exact, minHash, keep } = spec.cleaning.deduplication;
  // Near duplicates are looked for in any case: none may stand on both sides of the held-out split.
  const { similarity, ...shape } = minHash ?? MinHash.parse({});
  return {
    input: "output/clean",
    work: "output/deduplicate/work",
    tasks: spec.tasks,
    workers: spec.compute.nodes,
    // Not the number of pods, which may change while a run is stopped: what one step left suits the next.
    parts: Math.min(spec.tasks, mostParts),
    memory_bytes: rankOf(spec.compute).memoryBytes,
    exact,
    near: minHash !== undefined,
    min_hash: { ...shape, similarity: Number(similarity) },
    keep: keepNames[keep],
    seed: spec.seed,
  };
}

/** Each part of a step leaves a file for each part of the next. */
const mostParts = 256;

const keepNames = { sourceOrder: "source_order", longest: "longest", newest: "newest" } as const;

function tokenizerMounts({ tokenizer: { fromCorpus, from } }: Spec, inputs: Inputs): Mount[] {
  if (from) return [claimMount(tokenizerRole, from)];
  return fromCorpus ? [artifactMount(requiredInput(inputs, tokenizerRole))] : [];
}

/**
 * Distinct words counted at once while a tokenizer is trained: some 700 MB. Not by the pod's memory, which must
 * not decide what comes out.
 */
const mostWords = 5_000_000;

function tokenizerConfig({ tokenizer, mixture }: Spec, inputs: Inputs): Record<string, unknown> {
  const { train, from } = tokenizer;
  if (!train)
    return {
      tokenizer: from ? mounted(tokenizerRole) : artifactInput(requiredInput(inputs, tokenizerRole)),
    };
  return {
    train_tokenizer: {
      vocabulary_size: train.vocabularySize,
      training_bytes: train.trainingBytes,
      parts: parts(train.ratios ?? mixture.ratios),
      max_words: mostWords,
      removing: train.removing,
    },
  };
}

/** Ratios are relative to their sum, so that percents and tokens stand there as they are. */
const parts = (
  ratios: readonly {
    language: string;
    percent?: number | string | undefined;
    tokens?: number | undefined;
  }[],
) => ratios.map(({ language, percent, tokens }) => ({ language, ratio: Number(percent ?? tokens) }));

function tokenizeConfig(spec: Spec, inputs: Inputs): Record<string, unknown> {
  const { mixture } = spec;
  return {
    input: "output/deduplicate",
    ...tokenizerConfig(spec, inputs),
    mixture: {
      tokens: mixtureTokens(mixture),
      parts: parts(mixture.ratios),
      max_epochs: Number(mixture.maxEpochs),
      sources: mixture.sources.map(({ name, weight, maxEpochs }) => ({
        name,
        weight: Number(weight),
        ...(maxEpochs !== undefined && { max_epochs: Number(maxEpochs) }),
      })),
      licences: mixture.licences,
    },
    held_out_ratio: Number(spec.heldOutShare),
    shard_tokens: spec.shardTokens,
    memory_bytes: rankOf(spec.compute).memoryBytes,
    // The program itself names the tokenizer and every source it read as parents.
    parents: [],
    seed: spec.seed,
  };
}

/** The sum of the parts, where they say how many. */
export const mixtureTokens = ({ tokens, ratios }: Spec["mixture"]): number | undefined =>
  ratios.every((part) => part.tokens !== undefined)
    ? ratios.reduce((sum, part) => sum + (part.tokens ?? 0), 0)
    : tokens;
