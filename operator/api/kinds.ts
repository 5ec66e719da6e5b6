import type { z } from "zod";
import type { Condition, KubernetesObject } from "../cluster/objects.ts";
import type { Resource } from "../cluster/resource.ts";
import { AlignmentRunSpec } from "./alignment-run.ts";
import { ContextExtensionSpec } from "./context-extension.ts";
import { CorpusSpec } from "./corpus.ts";
import { EvaluationSpec } from "./evaluation.ts";
import type { CelRule } from "./fields.ts";
import { InferenceDeploymentSpec } from "./inference-deployment.ts";
import { runChanges, trainingChanges } from "./parts.ts";
import { PretrainRunSpec } from "./pretrain-run.ts";
import { type SpecChanges, transitionRules } from "./spec-changes.ts";
import {
  AlignmentRunStatus,
  ContextExtensionStatus,
  CorpusStatus,
  EvaluationStatus,
  InferenceDeploymentStatus,
  PretrainRunStatus,
} from "./status.ts";
import { structuralSchema } from "./structural-schema.ts";

/** The six kinds: what the CRDs, the documentation, the adapters and the command know of them. */

export const group = "tanren.dev";
export const version = "v1alpha1";
export const apiVersion = `${group}/${version}`;

export interface PrinterColumn {
  name: string;
  type: "string" | "integer" | "date";
  jsonPath: string;
  description: string;
  /** 1 and above are shown by `-o wide` only. */
  priority?: number;
}

export interface KindDefinition<Spec extends z.ZodType = z.ZodType, Status extends z.ZodType = z.ZodType> {
  resource: Resource<TanrenObject<z.output<Spec>, z.output<Status>>>;
  singular: string;
  shortNames: string[];
  about: string;
  spec: Spec;
  status: Status;
  /** What of spec may change once status.startTime is set; undefined: everything. */
  changes?: SpecChanges;
  columns: PrinterColumn[];
  scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath: string };
}

export interface TanrenObject<Spec = unknown, Status = unknown> extends KubernetesObject {
  spec: Spec;
  status?: Status & { observedGeneration?: number; conditions?: Condition[] };
}

const condition = (type: string, field: "status" | "reason" | "message") =>
  `.status.conditions[?(@.type=="${type}")].${field}`;

const column = (name: string, jsonPath: string, description: string, priority = 0): PrinterColumn => ({
  name,
  type: "string",
  jsonPath,
  description,
  ...(priority > 0 && { priority }),
});

const age: PrinterColumn = {
  name: "Age",
  type: "date",
  jsonPath: ".metadata.creationTimestamp",
  description: "time since creation",
};

/** Is it well, how far, how good, how long still, why not. */
const runColumns = (...results: PrinterColumn[]): PrinterColumn[] => [
  column("Succeeded", condition("Succeeded", "status"), "whether the run has succeeded"),
  column("Stage", ".status.progress.stage", "stage that runs or ran last"),
  column("Progress", ".status.progress.percent", "share of the work done"),
  ...results,
  column("ETA", ".status.progress.eta", "time left in the stage"),
  // Ready says also of a run that has succeeded what its deletion waits for.
  column("Reason", condition("Ready", "reason"), "why it is as it is"),
  age,
  column("Message", condition("Ready", "message"), "why, as a sentence", 1),
  column("Digest", ".status.artifact.digest", "digest of the artifact", 1),
];

const lossColumn = column(
  "Loss",
  '.status.progress.metrics[?(@.name=="loss")].value',
  "newest training loss",
);

function define<Spec extends z.ZodType, Status extends z.ZodType>(
  names: { kind: string; plural: string; shortNames: string[] },
  definition: Omit<KindDefinition<Spec, Status>, "resource" | "singular" | "shortNames">,
): KindDefinition<Spec, Status> {
  return {
    resource: { apiVersion, kind: names.kind, plural: names.plural, status: true },
    singular: names.kind.toLowerCase(),
    shortNames: names.shortNames,
    ...definition,
  };
}

export const corpus = define(
  { kind: "Corpus", plural: "corpora", shortNames: ["corp"] },
  {
    about:
      "Raw texts made into a tokenizer and packed training tokens: extraction, cleaning, deduplication, mixture.",
    spec: CorpusSpec,
    status: CorpusStatus,
    changes: {
      ...runChanges,
      sources: { until: "clean" },
      extraction: { until: "clean" },
      cleaning: { until: "clean" },
      mixture: { until: "tokenize" },
      tokenizer: { until: "tokenize" },
      heldOutShare: { until: "tokenize" },
      shardTokens: { until: "tokenize" },
    },
    columns: runColumns({
      name: "Tokens",
      type: "integer",
      jsonPath: ".status.artifact.tokens",
      description: "training tokens",
    }),
  },
);

export const pretrainRun = define(
  { kind: "PretrainRun", plural: "pretrainruns", shortNames: ["ptr"] },
  {
    about: "A base model trained from random weights on a Corpus.",
    spec: PretrainRunSpec,
    status: PretrainRunStatus,
    changes: { ...runChanges, ...trainingChanges("training") },
    columns: runColumns(lossColumn),
  },
);

export const contextExtension = define(
  { kind: "ContextExtension", plural: "contextextensions", shortNames: ["ctx"] },
  {
    about:
      "A model whose context window is extended, measured by loss at each token position before and after.",
    spec: ContextExtensionSpec,
    status: ContextExtensionStatus,
    changes: { ...runChanges, ...trainingChanges("training") },
    columns: runColumns(lossColumn),
  },
);

export const alignmentRun = define(
  { kind: "AlignmentRun", plural: "alignmentruns", shortNames: ["align"] },
  {
    about: "A model made into a chat model: ChatML tuning, preference pairs from the model itself, DPO.",
    spec: AlignmentRunSpec,
    status: AlignmentRunStatus,
    changes: {
      ...runChanges,
      ...trainingChanges("chat.training", "dpo.training"),
      "chat.datasets": { until: "chat" },
      "preferences.datasets": { until: "dpo" },
      "preferences.generate.prompts": { until: "candidates" },
      "preferences.generate.judge": { until: "judge" },
    },
    columns: runColumns(lossColumn),
  },
);

export const evaluation = define(
  { kind: "Evaluation", plural: "evaluations", shortNames: ["evl"] },
  {
    about: "Benchmark scores of a model with confidence intervals, held against thresholds.",
    spec: EvaluationSpec,
    status: EvaluationStatus,
    changes: { ...runChanges, suites: { until: "evaluate" } },
    columns: runColumns(column("Passed", condition("Passed", "status"), "whether every threshold is met")),
  },
);

export const inferenceDeployment = define(
  { kind: "InferenceDeployment", plural: "inferencedeployments", shortNames: ["infd"] },
  {
    about: "A model served behind an OpenAI-compatible endpoint.",
    spec: InferenceDeploymentSpec,
    status: InferenceDeploymentStatus,
    columns: [
      column("Ready", condition("Ready", "status"), "whether all replicas are ready"),
      { name: "Replicas", type: "integer", jsonPath: ".status.readyReplicas", description: "ready replicas" },
      column("URL", ".status.url", "base URL of the endpoint"),
      column("Reason", condition("Ready", "reason"), "why it is as it is"),
      age,
      column("Message", condition("Ready", "message"), "why, as a sentence", 1),
      column("Digest", ".status.served.digest", "digest of the artifact that is served", 1),
    ],
    scale: {
      specReplicasPath: ".spec.replicas",
      statusReplicasPath: ".status.replicas",
      labelSelectorPath: ".status.selector",
    },
  },
);

export const kinds = [
  corpus,
  pretrainRun,
  contextExtension,
  alignmentRun,
  evaluation,
  inferenceDeployment,
] as const;

export type Corpus = NonNullable<typeof corpus.resource.object>;
export type PretrainRun = NonNullable<typeof pretrainRun.resource.object>;
export type ContextExtension = NonNullable<typeof contextExtension.resource.object>;
export type AlignmentRun = NonNullable<typeof alignmentRun.resource.object>;
export type Evaluation = NonNullable<typeof evaluation.resource.object>;
export type InferenceDeployment = NonNullable<typeof inferenceDeployment.resource.object>;

/** Rules at the root of a kind: how a started run may change, and whose directory it may adopt. */
export function rootRules({ changes, spec, resource: { kind, plural } }: KindDefinition): CelRule[] {
  if (changes === undefined) return [];
  const adopted = "self.spec.storage.adopt";
  return [
    ...transitionRules(structuralSchema(spec), changes),
    {
      rule: `!has(self.spec.storage) || !has(${adopted}) || ${adopted}.startsWith('${plural}/')`,
      message: `adopt must name the directory of a ${kind}: ${plural}/...`,
      fieldPath: ".spec.storage.adopt",
    },
  ];
}
