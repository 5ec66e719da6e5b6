import type { z } from "zod";
import type { AlignmentRunSpec } from "../../api/alignment-run.ts";
import type { Artifact, Inputs } from "../../api/artifact.ts";
import type { NamedDatasets } from "../../api/parts.ts";
import type { Plan } from "../../api/status.ts";
import type { Mount, Stage } from "../batch-kind.ts";
import { claimMount, modelInput, modelMount, mounted, type ProgramInput } from "../stage-inputs.ts";
import {
  checkpointsConfig,
  exportDtype,
  gangStage,
  parallelismConfig,
  sampleDuration,
  soloStage,
  trainingConfig,
} from "../training.ts";

type Spec = z.output<typeof AlignmentRunSpec>;
type Datasets = z.output<typeof NamedDatasets>;
type Done = ReadonlyMap<string, Artifact>;
type Config = Record<string, unknown>;

export const promptsMount = "prompts";

/** Chat tuning, then pairs from the tuned model itself, then DPO; each part only where the spec has it. */
export function alignmentStages(spec: Spec, inputs: Inputs, plan: Plan): Stage[] {
  const { chat, preferences, dpo } = spec;
  const generate = preferences?.generate;
  const aligned = alignedModel(spec, inputs);
  return [
    ...(chat ? [chatStage(spec, chat, inputs, plan)] : []),
    ...(generate ? [candidatesStage(spec, generate, aligned), judgeStage(spec, generate)] : []),
    ...(dpo && preferences ? [dpoStage(spec, dpo, preferences, aligned, plan)] : []),
  ];
}

/** What the stages after chat tuning work with: its model, or without it the run's own input. */
interface AlignedModel {
  mounts: Mount[];
  input(done: Done): ProgramInput;
}

function alignedModel(spec: Spec, inputs: Inputs): AlignedModel {
  if (!spec.chat)
    return { mounts: [modelMount(spec.model, inputs)], input: () => modelInput(spec.model, inputs) };
  return {
    mounts: [],
    input: (done) => {
      const artifact = done.get("chat");
      if (!artifact)
        throw new TypeError("stage chat has no artifact yet; later stages are configured when it has ended");
      return { path: "output/chat", digest: artifact.digest };
    },
  };
}

/** Programs call a file by the name of its mount. */
export const datasetMount = (part: string, name: string) => `${part}-${name}`;

/** Programs call a file by the name of its mount. */
export const datasetMounts = (part: string, datasets: Datasets): Mount[] =>
  datasets.map((dataset) => claimMount(datasetMount(part, dataset.name), dataset));

const datasetInputs = (part: string, datasets: Datasets): ProgramInput[] =>
  datasets.map((dataset) => mounted(datasetMount(part, dataset.name)));

function chatStage(spec: Spec, chat: NonNullable<Spec["chat"]>, inputs: Inputs, plan: Plan): Stage {
  return {
    ...gangStage(spec, plan),
    name: "chat",
    mounts: [modelMount(spec.model, inputs), ...datasetMounts("chat", chat.datasets)],
    artifact: true,
    config: () => ({
      model: modelInput(spec.model, inputs),
      chat: {
        conversations: datasetInputs("chat", chat.datasets),
        held_out_ratio: Number(chat.heldOutShare),
      },
      ...trainConfig(spec, chat.training, "chat"),
      parents: [],
    }),
  };
}

type Generation = NonNullable<NonNullable<Spec["preferences"]>["generate"]>;

function candidatesStage(spec: Spec, generate: Generation, model: AlignedModel): Stage {
  return {
    ...soloStage(spec),
    name: "candidates",
    program: "generate",
    mounts: [...model.mounts, claimMount(promptsMount, generate.prompts)],
    artifact: false,
    config: (done) => ({
      model: model.input(done),
      prompts: mounted(promptsMount),
      samples: generate.samples,
      temperature: Number(generate.temperature),
      top_p: Number(generate.topP),
      max_new_tokens: generate.maxNewTokens,
      batch_size: generate.batchSize,
      seed: generate.seed,
    }),
  };
}

/** Rules need no GPU. */
function judgeStage(spec: Spec, { judge }: Generation): Stage {
  return {
    ...soloStage(spec),
    gpusPerPod: 0,
    name: "judge",
    program: "judge",
    mounts: [],
    artifact: false,
    config: () => ({
      candidates: "output/candidates",
      rules: {
        min_characters: judge.minCharacters,
        max_characters: judge.maxCharacters,
        require_ending: judge.requireEnding,
        max_repetition: Number(judge.maxRepetition),
        same_script: judge.sameScript,
        reference_overlap: judge.referenceOverlap,
      },
      min_margin: Number(judge.minMargin),
    }),
  };
}

function dpoStage(
  spec: Spec,
  dpo: NonNullable<Spec["dpo"]>,
  { datasets, generate }: NonNullable<Spec["preferences"]>,
  model: AlignedModel,
  plan: Plan,
): Stage {
  return {
    ...gangStage(spec, plan),
    name: "dpo",
    mounts: [
      ...model.mounts,
      ...datasetMounts("preferences", datasets ?? []),
      ...(generate ? [claimMount(promptsMount, generate.prompts)] : []),
    ],
    artifact: true,
    config: (done) => ({
      model: model.input(done),
      dpo: {
        preferences: datasets
          ? datasetInputs("preferences", datasets)
          : [{ path: "output/judge/preferences.jsonl" }],
        beta: Number(dpo.beta),
        held_out_ratio: Number(dpo.heldOutShare),
      },
      ...trainConfig(spec, dpo.training, "dpo"),
      // The program does not read the prompts, but the pairs come from them.
      parents: generate ? [mounted(promptsMount)] : [],
    }),
  };
}

function trainConfig(spec: Spec, training: NonNullable<Spec["dpo"]>["training"], stage: string): Config {
  return {
    training: trainingConfig(training, sampleDuration(training)),
    parallelism: parallelismConfig(spec),
    checkpoints: checkpointsConfig(spec.checkpoints, stage),
    export_dtype: exportDtype(training),
    evaluate_every_steps: training.evaluateEverySteps,
  };
}
