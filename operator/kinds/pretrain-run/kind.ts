import type { z } from "zod";
import type { Inputs } from "../../api/artifact.ts";
import { pretrainRun } from "../../api/kinds.ts";
import type { PretrainRunSpec } from "../../api/pretrain-run.ts";
import type { Plan } from "../../api/status.ts";
import { parametersOf, shapeOf } from "../../estimates/llama-shape.ts";
import type { ModelFigures } from "../../estimates/model-figures.ts";
import { firstRefusal, refuseDecimals, refuseMemory } from "../../estimates/refusal.ts";
import { trainingPlan } from "../../estimates/training-plan.ts";
import type { BatchKind, Stage } from "../batch-kind.ts";
import { artifactInput, artifactMount, requiredInput } from "../stage-inputs.ts";
import {
  checkpointsConfig,
  corpusDuration,
  dividedOver,
  exportDtype,
  gangStage,
  parallelismConfig,
  refuseContext,
  refuseParallelism,
  refuseStorage,
  refuseTraining,
  trainingConfig,
} from "../training.ts";

type Spec = z.output<typeof PretrainRunSpec>;

const corpusRole = "corpus";

export const pretrainRunKind: BatchKind<Spec> = {
  definition: pretrainRun,
  references: ({ corpus }) => [{ role: corpusRole, kind: "Corpus", name: corpus.name }],
  needs: () => [],
  refuse: (spec, inputs) => {
    const plan = pretrainPlan(spec, inputs);
    const batch = {
      field: "globalBatchTokens",
      value: spec.training.globalBatchTokens,
      unit: spec.sequenceLength,
    };
    return firstRefusal(
      () => refuseParallelism(spec),
      () => refuseContext(spec, "sequenceLength", spec.sequenceLength),
      () => refuseTraining(spec, spec.training, "training", batch),
      () =>
        refuseDecimals([
          { field: "model.ropeTheta", value: spec.model.ropeTheta, above: 0 },
          { field: "model.rmsNormEpsilon", value: spec.model.rmsNormEpsilon, above: 0 },
        ]),
      () =>
        refuseMemory(
          plan,
          spec.compute,
          "parallelism.shard or context, sequenceLength or training.microBatchSize",
        ),
      () => refuseStorage(spec, plan, [spec.training]),
    );
  },
  plan: pretrainPlan,
  stages: (spec, inputs) => [
    {
      ...gangStage(spec, pretrainPlan(spec, inputs)),
      name: "train",
      mounts: [artifactMount(requiredInput(inputs, corpusRole))],
      artifact: true,
      config: () => trainConfig(spec, inputs),
    } satisfies Stage,
  ],
  results: () => ({}),
};

/** Figures of the model that will come out; the corpus's tokenizer gives the vocabulary. */
export function pretrainedModel(spec: Spec, inputs: Inputs): ModelFigures | undefined {
  const vocabularySize = inputs.get(corpusRole)?.artifact.vocabularySize;
  if (vocabularySize === undefined) return undefined;
  const shape = shapeOf(spec.model);
  return { shape, vocabularySize, parameters: parametersOf(shape, vocabularySize) };
}

function pretrainPlan(spec: Spec, inputs: Inputs): Plan {
  const duration = corpusDuration(spec.training, spec.sequenceLength);
  const work = {
    compute: spec.compute,
    shard: dividedOver(spec.parallelism),
    context: spec.parallelism.context,
    sequences: spec.training.microBatchSize,
    sequenceLength: spec.sequenceLength,
    precision: spec.training.precision,
    activationCheckpointing: spec.training.activationCheckpointing,
    steps: duration.steps,
    tokens: duration.steps * spec.training.globalBatchTokens,
  };
  return trainingPlan(work, pretrainedModel(spec, inputs));
}

function trainConfig(spec: Spec, inputs: Inputs): Record<string, unknown> {
  const shape = shapeOf(spec.model);
  return {
    shape: {
      hidden_size: shape.hiddenSize,
      intermediate_size: shape.intermediateSize,
      num_hidden_layers: shape.layers,
      num_attention_heads: shape.attentionHeads,
      num_key_value_heads: shape.keyValueHeads,
      max_position_embeddings: spec.sequenceLength,
      rope_theta: Number(spec.model.ropeTheta),
      rms_norm_eps: Number(spec.model.rmsNormEpsilon),
      tie_word_embeddings: shape.tieWordEmbeddings,
    },
    language_model: { corpus: artifactInput(requiredInput(inputs, corpusRole)), sampling: "packed" },
    training: trainingConfig(spec.training, corpusDuration(spec.training, spec.sequenceLength)),
    parallelism: parallelismConfig(spec),
    checkpoints: checkpointsConfig(spec.checkpoints, "train"),
    export_dtype: exportDtype(spec.training),
    evaluate_every_steps: spec.training.evaluateEverySteps,
    // The program itself names what it reads as parents.
    parents: [],
  };
}
