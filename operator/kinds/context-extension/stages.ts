import type { z } from "zod";
import type { Artifact, Inputs } from "../../api/artifact.ts";
import type { ContextExtensionSpec } from "../../api/context-extension.ts";
import type { Plan } from "../../api/status.ts";
import type { Stage } from "../batch-kind.ts";
import {
  artifactInput,
  artifactMount,
  modelInput,
  modelMount,
  type ProgramInput,
  requiredInput,
} from "../stage-inputs.ts";
import {
  checkpointsConfig,
  corpusDuration,
  exportDtype,
  gangStage,
  parallelismConfig,
  soloStage,
  trainingConfig,
} from "../training.ts";

type Spec = z.output<typeof ContextExtensionSpec>;
type Method = Spec["method"];

export const corpusRole = "corpus";

/** Label of the model as it was, in the figure. */
const baseLabel = "base";

/** Items of a batch when passkey prompts are asked. */
const measurementBatch = 1;

const stageOf = (spec: Spec, method: Method): string =>
  method === spec.method ? "train" : `train-${method}`;

/**
 * The method's model, those it is compared with, and one measurement of all of them on the same documents.
 */
export function contextExtensionStages(spec: Spec, inputs: Inputs, plan: Plan): Stage[] {
  const mounts = [modelMount(spec.model, inputs), artifactMount(requiredInput(inputs, corpusRole))];
  const methods = [spec.method, ...spec.comparisons];
  return [
    ...methods.map((method) => ({
      ...gangStage(spec, plan),
      name: stageOf(spec, method),
      mounts,
      artifact: method === spec.method,
      config: () => trainConfig(spec, inputs, method),
    })),
    {
      ...soloStage(spec),
      name: "measure",
      program: "evaluate",
      mounts,
      // The measurement is an artifact on the claim; the run's own is the model.
      artifact: false,
      config: (done) => measureConfig(spec, inputs, methods, done),
    },
  ];
}

/**
 * The program computes the factor of interpolation from the model's own window and scaling: of an imported
 * model nobody else knows them, and a model that was extended before must not lose what it has.
 */
function ropeScaling({ contextLength }: Spec, method: Method): Record<string, unknown> {
  const scaling = method === "none" ? { rope_type: "none", factor: 1 } : { rope_type: "linear" };
  return { ...scaling, max_position_embeddings: contextLength };
}

function trainConfig(spec: Spec, inputs: Inputs, method: Method): Record<string, unknown> {
  return {
    model: modelInput(spec.model, inputs),
    rope_scaling: ropeScaling(spec, method),
    language_model: { corpus: artifactInput(requiredInput(inputs, corpusRole)), sampling: "documents" },
    training: trainingConfig(spec.training, corpusDuration(spec.training, spec.contextLength)),
    parallelism: parallelismConfig(spec),
    checkpoints: checkpointsConfig(spec.checkpoints, stageOf(spec, method)),
    export_dtype: exportDtype(spec.training),
    evaluate_every_steps: spec.training.evaluateEverySteps,
    parents: [],
  };
}

function measureConfig(
  spec: Spec,
  inputs: Inputs,
  methods: Method[],
  done: ReadonlyMap<string, Artifact>,
): Record<string, unknown> {
  const trained = (method: Method): ProgramInput => {
    const stage = stageOf(spec, method);
    const digest = done.get(stage)?.digest;
    return { path: `output/${stage}`, digest };
  };
  return {
    suites: [],
    loss_by_position: {
      models: [
        { label: baseLabel, model: modelInput(spec.model, inputs) },
        ...methods.map((method) => ({ label: method, model: trained(method) })),
      ],
      corpus: artifactInput(requiredInput(inputs, corpusRole)),
      context_length: spec.contextLength,
      documents: spec.measurement.documents,
      passkey_trials: spec.measurement.passkeyTrials,
    },
    batch_size: measurementBatch,
    parents: [],
    seed: spec.training.seed,
  };
}
