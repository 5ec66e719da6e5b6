import type { z } from "zod";
import type {
  Checkpoints,
  Compute,
  CorpusParallelism,
  CorpusTraining,
  Parallelism,
  SampleTraining,
  Storage,
} from "../api/parts.ts";
import type { Plan } from "../api/status.ts";
import { inGibibytes, quantityValue } from "../cluster/quantity.ts";
import { processesPerPod, ranksOf } from "../estimates/hardware.ts";
import { modelBytes } from "../estimates/model-figures.ts";
import { firstRefusal, invalidSpec, type Refusal, refuseDecimals } from "../estimates/refusal.ts";
import { saveSeconds } from "../estimates/save-time.ts";
import type { Stage } from "./batch-kind.ts";

/** What all training stages share: the program's configuration in the kernels' words, and what forbids it. */

type Optimizer = Omit<z.output<typeof SampleTraining>, "epochs" | "globalBatchSize" | "sequenceLength">;

/** Parts of a spec that decide how ranks share the work. */
export interface Gang {
  compute: z.output<typeof Compute>;
  parallelism: z.output<typeof Parallelism> & Partial<z.output<typeof CorpusParallelism>>;
}

/** Ranks that a copy of the model is divided over. */
export const dividedOver = ({ shard, context = 1 }: Gang["parallelism"]): number => shard * context;

/** Length of a training stage in the kernels' words. */
export interface Duration {
  steps?: number;
  epochs?: number;
  global_batch_size: number;
  sequence_length: number;
}

/** A stage whose pods form one process group, a process per GPU; its plan tells the size of a checkpoint. */
export function gangStage(
  { compute, parallelism }: Gang,
  { checkpointBytes }: Plan,
): Pick<Stage, "program" | "pods" | "coupling" | "processesPerPod" | "gpusPerPod" | "saveSeconds"> {
  return {
    saveSeconds: checkpointBytes && saveSeconds(checkpointBytes, dividedOver(parallelism)),
    program: "train",
    pods: compute.nodes,
    coupling: "gang",
    processesPerPod: processesPerPod(compute),
    gpusPerPod: compute.gpusPerNode,
  };
}

/** A stage of one process, on a GPU where the run has any. */
export function soloStage({
  compute,
}: Pick<Gang, "compute">): Pick<Stage, "pods" | "coupling" | "processesPerPod" | "gpusPerPod"> {
  return {
    pods: 1,
    coupling: "independent",
    processesPerPod: 1,
    gpusPerPod: Math.min(1, compute.gpusPerNode),
  };
}

/** `sequenceLength` is the length that tokens are packed to. */
export function corpusDuration(
  training: z.output<typeof CorpusTraining>,
  sequenceLength: number,
): Required<Omit<Duration, "epochs">> {
  return {
    steps: Math.floor(training.tokens / training.globalBatchTokens),
    global_batch_size: training.globalBatchTokens / sequenceLength,
    sequence_length: sequenceLength,
  };
}

export function sampleDuration(training: z.output<typeof SampleTraining>): Duration {
  return {
    epochs: training.epochs,
    global_batch_size: training.globalBatchSize,
    sequence_length: training.sequenceLength,
  };
}

/** Absent where it is what weights are trained in. */
export const exportDtype = ({ exportDtype: dtype }: Pick<Optimizer, "exportDtype">) =>
  dtype === "float32" ? undefined : dtype;

export function trainingConfig(optimizer: Optimizer, duration: Duration): Record<string, unknown> {
  return {
    ...duration,
    micro_batch_size: optimizer.microBatchSize,
    activation_checkpointing: optimizer.activationCheckpointing,
    learning_rate: Number(optimizer.learningRate),
    min_learning_rate: Number(optimizer.minLearningRate),
    warmup_steps: optimizer.warmupSteps,
    weight_decay: Number(optimizer.weightDecay),
    beta1: Number(optimizer.beta1),
    beta2: Number(optimizer.beta2),
    epsilon: Number(optimizer.epsilon),
    max_grad_norm: Number(optimizer.maxGradNorm),
    precision: optimizer.precision,
    seed: optimizer.seed,
  };
}

export function parallelismConfig({ compute, parallelism }: Gang): Record<string, unknown> {
  const { shard, context = 1, replicate = ranksOf(compute) / (shard * context) } = parallelism;
  return { replicate, shard, ...(context > 1 && { context }) };
}

export function checkpointsConfig(
  checkpoints: z.output<typeof Checkpoints>,
  stage: string,
): Record<string, unknown> {
  return {
    directory: `output/checkpoints/${stage}`,
    every_steps: checkpoints.everySteps,
    keep_last: checkpoints.keepLast,
    keep_every: checkpoints.keepEvery,
  };
}

/** Bounds of the contract that the CRD cannot state. */
export function refuseOptimizer(optimizer: Optimizer, field: string): Refusal | undefined {
  return refuseDecimals([
    { field: `${field}.learningRate`, value: optimizer.learningRate, above: 0 },
    {
      field: `${field}.minLearningRate`,
      value: optimizer.minLearningRate,
      atMost: Number(optimizer.learningRate),
    },
    { field: `${field}.beta1`, value: optimizer.beta1, below: 1 },
    { field: `${field}.beta2`, value: optimizer.beta2, below: 1 },
    { field: `${field}.epsilon`, value: optimizer.epsilon, above: 0 },
    { field: `${field}.maxGradNorm`, value: optimizer.maxGradNorm, above: 0 },
  ]);
}

/** The degrees must multiply out to the number of ranks. */
export function refuseParallelism({ compute, parallelism }: Gang): Refusal | undefined {
  const ranks = ranksOf(compute);
  const { shard, replicate, context = 1 } = parallelism;
  const processes = compute.gpusPerNode > 0 ? ` x compute.gpusPerNode ${compute.gpusPerNode}` : "";
  const have = `compute.nodes ${compute.nodes}${processes} are ${ranks} ranks`;
  if (ranks % context !== 0) {
    return invalidSpec(
      `spec.parallelism.context ${context} does not divide them: ${have}; set context to ${largestDivisor(ranks, context)}`,
    );
  }
  const others = ranks / context;
  const shared = context > 1 ? ` x context ${context}` : "";
  if (others % shard !== 0) {
    const by = context > 1 ? `, ${others} of them for each part of a sequence` : "";
    return invalidSpec(
      `spec.parallelism.shard ${shard} does not divide them: ${have}${by}; set shard to ${largestDivisor(others, shard)}`,
    );
  }
  if (replicate === undefined || replicate * shard === others) return undefined;
  return invalidSpec(
    `spec.parallelism.replicate ${replicate} x shard ${shard}${shared} is ${replicate * shard * context}, but ${have}; set replicate to ${others / shard} or leave it out`,
  );
}

/** A rank takes a chunk from the front of a sequence and its mirror from the back. */
export function refuseContext(
  { parallelism: { context = 1 } }: Gang,
  field: string,
  sequenceLength: number,
): Refusal | undefined {
  const unit = 2 * context;
  if (context === 1 || sequenceLength % unit === 0) return undefined;
  return invalidSpec(
    `spec.${field} ${sequenceLength} is no multiple of ${unit} (2 x parallelism.context ${context}); set it to ${Math.ceil(sequenceLength / unit) * unit} or change context`,
  );
}

function largestDivisor(of: number, atMost: number): number {
  let divisor = Math.min(of, atMost);
  while (of % divisor !== 0) divisor -= 1;
  return divisor;
}

/**
 * Every rank, or the ranks that share a sequence together, take equally many whole micro batches. `field` is the batch's field below spec, of which one
 * sequence is `unit` (1 where it counts samples, the sequence length where it counts tokens).
 */
export function refuseBatch(
  gang: Gang,
  optimizer: Optimizer,
  field: string,
  value: number,
  unit: number,
): Refusal | undefined {
  const { context = 1 } = gang.parallelism;
  const ranks = ranksOf(gang.compute) / context;
  const step = ranks * optimizer.microBatchSize * unit;
  if (value % step === 0) return undefined;
  const of = unit === 1 ? "" : ` x ${unit} tokens`;
  return invalidSpec(
    `spec.${field} ${value} is no multiple of ${step} (${ranks} ${context > 1 ? `groups of ${context} ranks` : "ranks"} x microBatchSize ${optimizer.microBatchSize}${of}); set it to ${Math.ceil(value / step) * step}`,
  );
}

/** All that forbids a training stage of its own. */
export function refuseTraining(
  gang: Gang,
  optimizer: Optimizer,
  field: string,
  batch: { field: string; value: number; unit: number },
): Refusal | undefined {
  return firstRefusal(
    () => refuseOptimizer(optimizer, field),
    () => refuseBatch(gang, optimizer, `${field}.${batch.field}`, batch.value, batch.unit),
  );
}

/**
 * A claim made for the run must hold what training certainly writes: the checkpoints kept and one more, as
 * the oldest is deleted only when the newest is whole, and a model per training stage. Of an existing claim
 * the size is not known.
 */
export function refuseStorage(
  { storage, checkpoints }: { storage: z.output<typeof Storage>; checkpoints: z.output<typeof Checkpoints> },
  { checkpointBytes, parameters }: Plan,
  trainings: readonly Pick<Optimizer, "exportDtype">[],
): Refusal | undefined {
  if (storage.size === undefined || checkpointBytes === undefined || parameters === undefined)
    return undefined;
  const models = trainings.map((training) => modelBytes(parameters, training.exportDtype));
  const needed = (checkpoints.keepLast + 1) * checkpointBytes + models.reduce((sum, bytes) => sum + bytes, 0);
  if (quantityValue(storage.size) >= needed) return undefined;
  const gibibytes = Math.ceil(needed / 2 ** 30);
  return invalidSpec(
    `spec.storage.size ${storage.size} does not hold checkpoints.keepLast ${checkpoints.keepLast} + 1 checkpoints of ${inGibibytes(checkpointBytes)} each and ${models.length} model(s) of ${inGibibytes(Math.max(...models))}; set it to ${gibibytes}Gi or more`,
  );
}
