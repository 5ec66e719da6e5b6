import type { z } from "zod";
import type { AlignmentRunSpec } from "../../api/alignment-run.ts";
import type { Inputs } from "../../api/artifact.ts";
import { alignmentRun } from "../../api/kinds.ts";
import type { NamedDatasets } from "../../api/parts.ts";
import type { Plan } from "../../api/status.ts";
import { rankOf } from "../../estimates/hardware.ts";
import { inferenceBytes } from "../../estimates/memory.ts";
import { figuresOf, type ModelFigures } from "../../estimates/model-figures.ts";
import {
  firstRefusal,
  invalidSpec,
  type Refusal,
  refuseDecimals,
  refuseMemory,
} from "../../estimates/refusal.ts";
import { trainingPlan } from "../../estimates/training-plan.ts";
import type { BatchKind } from "../batch-kind.ts";
import { claimNeed, type Need } from "../needs.ts";
import { modelNeeds, modelReference } from "../stage-inputs.ts";
import { refuseParallelism, refuseStorage, refuseTraining } from "../training.ts";
import { alignmentStages, datasetMount, promptsMount } from "./stages.ts";

type Spec = z.output<typeof AlignmentRunSpec>;
type Training = NonNullable<Spec["dpo"]>["training"];

export const alignmentRunKind: BatchKind<Spec> = {
  definition: alignmentRun,
  references: ({ model }) => {
    const reference = modelReference(model);
    return reference ? [reference] : [];
  },
  needs: ({ model, chat, preferences }) => [
    ...modelNeeds(model),
    ...datasetNeeds(chat?.datasets, "chat", "conversations"),
    ...datasetNeeds(preferences?.datasets, "preferences", "preferences"),
    ...(preferences?.generate
      ? [
          claimNeed(preferences.generate.prompts, "preferences.generate.prompts", {
            format: "prompts",
            parent: promptsMount,
          }),
        ]
      : []),
  ],
  refuse: (spec, inputs) => {
    const plan = alignmentPlan(spec, inputs);
    return firstRefusal(
      () => refuseParallelism(spec),
      () => refusePart(spec, "chat", inputs),
      () => refusePart(spec, "dpo", inputs),
      () => refuseShares(spec),
      () => refuseAnswers(spec, inputs),
      () =>
        refuseMemory(plan, spec.compute, "parallelism.shard, or the parts' sequenceLength or microBatchSize"),
      () =>
        refuseStorage(
          spec,
          plan,
          trainingParts(spec).map(({ training }) => training),
        ),
    );
  },
  plan: alignmentPlan,
  stages: (spec, inputs) => alignmentStages(spec, inputs, alignmentPlan(spec, inputs)),
  results: () => ({}),
};

const datasetNeeds = (
  datasets: z.output<typeof NamedDatasets> = [],
  part: "chat" | "preferences",
  format: "conversations" | "preferences",
): Need[] =>
  datasets.map((dataset, index) =>
    claimNeed(dataset, `${part}.datasets[${index}]`, { format, parent: datasetMount(part, dataset.name) }),
  );

/** The training parts that the spec has; a pair of DPO is two sequences. */
function trainingParts({ chat, dpo }: Spec): { training: Training; sequencesPerSample: number }[] {
  return [
    ...(chat ? [{ training: chat.training, sequencesPerSample: 1 }] : []),
    ...(dpo ? [{ training: dpo.training, sequencesPerSample: 2 }] : []),
  ];
}

/**
 * How many samples the files have is not known beforehand, so neither are steps and time. Memory is that of
 * the part that needs most.
 */
function alignmentPlan(spec: Spec, inputs: Inputs): Plan {
  const model = figuresOf(inputs.get("model"));
  const plans = trainingParts(spec).map(({ training, sequencesPerSample }) =>
    trainingPlan(
      {
        compute: spec.compute,
        shard: spec.parallelism.shard,
        context: 1,
        sequences: training.microBatchSize * sequencesPerSample,
        sequenceLength: training.sequenceLength,
        precision: training.precision,
        activationCheckpointing: training.activationCheckpointing,
      },
      model,
    ),
  );
  const needs = plans.flatMap((plan) => plan.memoryPerRankBytes ?? []);
  const [first] = plans;
  if (!first) throw new TypeError("neither chat nor dpo: the API server would have refused it");
  if (!model || needs.length === 0) return first;
  return { ...first, memoryPerRankBytes: Math.max(...needs, samplingBytes(spec, model)) };
}

/**
 * Sampling answers holds float32 weights, and keys and values of the answers; those of the prompts are not
 * known beforehand.
 */
function samplingBytes({ preferences, compute }: Spec, model: ModelFigures): number {
  const generate = preferences?.generate;
  if (!generate) return 0;
  return inferenceBytes(model, generate.batchSize * generate.maxNewTokens, "float32", rankOf(compute).device);
}

function refusePart(spec: Spec, part: "chat" | "dpo", inputs: Inputs): Refusal | undefined {
  const training = spec[part]?.training;
  if (!training) return undefined;
  const batch = { field: "globalBatchSize", value: training.globalBatchSize, unit: 1 };
  return firstRefusal(
    () => refuseTraining(spec, training, `${part}.training`, batch),
    () => refuseLength(`${part}.training.sequenceLength`, training.sequenceLength, inputs),
  );
}

function refuseShares({ chat, dpo, preferences }: Spec): Refusal | undefined {
  const generate = preferences?.generate;
  return refuseDecimals([
    ...(chat ? [{ field: "chat.heldOutShare", value: chat.heldOutShare, below: 1 }] : []),
    ...(dpo
      ? [
          { field: "dpo.heldOutShare", value: dpo.heldOutShare, above: 0, below: 1 },
          { field: "dpo.beta", value: dpo.beta, above: 0 },
        ]
      : []),
    ...(generate
      ? [
          { field: "preferences.generate.temperature", value: generate.temperature, above: 0, atMost: 10 },
          { field: "preferences.generate.topP", value: generate.topP, above: 0 },
        ]
      : []),
  ]);
}

function refuseAnswers({ preferences }: Spec, inputs: Inputs): Refusal | undefined {
  const tokens = preferences?.generate?.maxNewTokens;
  return tokens === undefined ? undefined : refuseLength("preferences.generate.maxNewTokens", tokens, inputs);
}

function refuseLength(field: string, length: number, inputs: Inputs): Refusal | undefined {
  const context = inputs.get("model")?.artifact.contextLength;
  if (context === undefined || length <= context) return undefined;
  return invalidSpec(
    `spec.${field} ${length} is over the model's context of ${context} tokens; set it to ${context} or less, or extend the context first`,
  );
}
