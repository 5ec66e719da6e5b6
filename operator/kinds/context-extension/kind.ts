import type { z } from "zod";
import type { Inputs } from "../../api/artifact.ts";
import type { ContextExtensionSpec } from "../../api/context-extension.ts";
import { contextExtension } from "../../api/kinds.ts";
import type { Plan } from "../../api/status.ts";
import { rankOf } from "../../estimates/hardware.ts";
import { inferenceBytes } from "../../estimates/memory.ts";
import { figuresOf } from "../../estimates/model-figures.ts";
import { firstRefusal, invalidSpec, type Refusal, refuseMemory } from "../../estimates/refusal.ts";
import { trainingPlan } from "../../estimates/training-plan.ts";
import type { BatchKind, KernelResult } from "../batch-kind.ts";
import { modelNeeds, modelReference } from "../stage-inputs.ts";
import {
  corpusDuration,
  dividedOver,
  refuseContext,
  refuseParallelism,
  refuseStorage,
  refuseTraining,
} from "../training.ts";
import { contextExtensionStages, corpusRole } from "./stages.ts";

type Spec = z.output<typeof ContextExtensionSpec>;

export const contextExtensionKind: BatchKind<Spec> = {
  definition: contextExtension,
  references: ({ model, corpus }) => {
    const reference = modelReference(model);
    return [...(reference ? [reference] : []), { role: corpusRole, kind: "Corpus", name: corpus.name }];
  },
  needs: ({ model }) => modelNeeds(model),
  refuse: (spec, inputs) => {
    const plan = contextExtensionPlan(spec, inputs);
    const batch = {
      field: "globalBatchTokens",
      value: spec.training.globalBatchTokens,
      unit: spec.contextLength,
    };
    return firstRefusal(
      () => refuseTokenizers(inputs),
      () => refuseContextLength(spec, inputs),
      () => refuseParallelism(spec),
      () => refuseContext(spec, "contextLength", spec.contextLength),
      () => refuseTraining(spec, spec.training, "training", batch),
      () =>
        refuseMemory(
          plan,
          spec.compute,
          "parallelism.shard or context, contextLength or training.microBatchSize",
        ),
      () =>
        refuseStorage(
          spec,
          plan,
          [spec.method, ...spec.comparisons].map(() => spec.training),
        ),
    );
  },
  plan: contextExtensionPlan,
  stages: (spec, inputs) => contextExtensionStages(spec, inputs, contextExtensionPlan(spec, inputs)),
  results: (_spec, _inputs, results) => ({ positionLosses: positionLosses(results.get("measure")) }),
};

function refuseTokenizers(inputs: Inputs): Refusal | undefined {
  const model = inputs.get("model");
  const corpus = inputs.get(corpusRole);
  const [ours, theirs] = [model?.artifact.tokenizerDigest, corpus?.artifact.tokenizerDigest];
  if (!model || !corpus || ours === undefined || theirs === undefined || ours === theirs) return undefined;
  return {
    reason: "TokenizerMismatch",
    message: `${model.kind} ${model.name} has tokenizer ${ours}, Corpus ${corpus.name} has ${theirs}; give the Corpus tokenizer.fromCorpus of the Corpus the model was trained on, or tokenizer.from of an imported model`,
  };
}

/** Plain continued training may keep the window; interpolation must lengthen it. */
function refuseContextLength(spec: Spec, inputs: Inputs): Refusal | undefined {
  const original = inputs.get("model")?.artifact.contextLength;
  if (original === undefined || spec.contextLength > original) return undefined;
  const interpolates = [spec.method, ...spec.comparisons].includes("positionInterpolation");
  if (!interpolates && spec.contextLength === original) return undefined;
  return invalidSpec(
    `spec.contextLength ${spec.contextLength} does not lengthen the model's context of ${original} tokens; set it above ${original}`,
  );
}

/**
 * The main stage is training; memory is that of the stage that needs most, as the measurement has all of it
 * in float32.
 */
function contextExtensionPlan(spec: Spec, inputs: Inputs): Plan {
  const model = figuresOf(inputs.get("model"));
  const duration = corpusDuration(spec.training, spec.contextLength);
  const plan = trainingPlan(
    {
      compute: spec.compute,
      shard: dividedOver(spec.parallelism),
      context: spec.parallelism.context,
      sequences: spec.training.microBatchSize,
      sequenceLength: spec.contextLength,
      precision: spec.training.precision,
      activationCheckpointing: spec.training.activationCheckpointing,
      steps: duration.steps,
      tokens: duration.steps * spec.training.globalBatchTokens,
    },
    model,
  );
  if (!model || plan.memoryPerRankBytes === undefined) return plan;
  const measuring = inferenceBytes(model, spec.contextLength, "float32", rankOf(spec.compute).device);
  return { ...plan, memoryPerRankBytes: Math.max(plan.memoryPerRankBytes, measuring) };
}

function positionLosses(measured: KernelResult | undefined): Record<string, unknown>[] | undefined {
  return measured?.position_losses?.map((row) => ({ ...row, loss: String(row.loss) }));
}
