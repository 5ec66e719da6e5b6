import { z } from "zod";
import { common, Input, RelativePath, Seed } from "./parts.ts";

export const ModelShape = z
  .strictObject({
    hidden_size: z.int().min(8),
    intermediate_size: z.int().min(8),
    num_hidden_layers: z.int().min(1),
    num_attention_heads: z.int().min(1),
    num_key_value_heads: z.int().min(1),
    max_position_embeddings: z.int().min(8),
    rope_theta: z.number().gt(0),
    rms_norm_eps: z.number().gt(0),
    tie_word_embeddings: z.boolean(),
  })
  .meta({ id: "ModelShape" })
  .describe("LLaMA shape in Hugging Face's names; the vocabulary size comes from the tokenizer");

export const RopeScaling = z
  .strictObject({
    rope_type: z
      .enum(["linear", "none"])
      .describe("linear: position interpolation (Chen et al. 2023); none: positions as they are"),
    factor: z
      .number()
      .min(1)
      .optional()
      .describe(
        "interpolation factor in all, as config.json will have it; 1 for none; absent: the model's own x new context length / old",
      ),
    max_position_embeddings: z.int().min(8).describe("new context length"),
  })
  .meta({ id: "RopeScaling" });

export const LanguageModelObjective = z
  .strictObject({
    corpus: Input,
    sampling: z
      .enum(["packed", "documents"])
      .describe(
        "packed: windows over the concatenated shards; documents: windows that lie within one document of at least sequence_length tokens",
      ),
  })
  .meta({ id: "LanguageModelObjective" });

export const ChatObjective = z
  .strictObject({
    conversations: z.array(Input).min(1).describe("files of JSON lines with `messages` (role, content)"),
    held_out_ratio: z.number().min(0).lt(1),
  })
  .meta({ id: "ChatObjective" });

export const DpoObjective = z
  .strictObject({
    preferences: z
      .array(Input)
      .min(1)
      .describe(
        "files of JSON lines with `prompt` (messages), `chosen`, `rejected` (content of the assistant)",
      ),
    beta: z.number().gt(0),
    held_out_ratio: z.number().gt(0).lt(1),
  })
  .meta({ id: "DpoObjective" });

export const Training = z
  .strictObject({
    steps: z.int().min(1).optional(),
    epochs: z.int().min(1).optional().describe("exactly one of steps and epochs"),
    global_batch_size: z.int().min(1).describe("sequences (DPO: pairs) per optimizer step over all ranks"),
    micro_batch_size: z.int().min(1).describe("sequences per forward pass of one rank"),
    activation_checkpointing: z
      .enum(["none", "selective", "full"])
      .describe("what a block keeps for the backward pass"),
    sequence_length: z.int().min(8),
    learning_rate: z.number().gt(0),
    min_learning_rate: z.number().min(0),
    warmup_steps: z.int().min(0),
    weight_decay: z.number().min(0),
    beta1: z.number().min(0).lt(1),
    beta2: z.number().min(0).lt(1),
    epsilon: z.number().gt(0),
    max_grad_norm: z.number().gt(0),
    precision: z.enum(["float32", "bfloat16"]),
    seed: Seed,
  })
  .meta({ id: "Training" });

export const Parallelism = z
  .strictObject({
    replicate: z.int().min(1).describe("data-parallel copies of the model"),
    shard: z
      .int()
      .min(1)
      .describe("ranks a copy's parameters, gradients and optimizer state are divided over (FSDP2)"),
    context: z
      .int()
      .min(1)
      .optional()
      .describe(
        "ranks a sequence is divided over, language_model alone; they divide parameters too; absent: 1",
      ),
  })
  .meta({ id: "Parallelism" })
  .describe("replicate x shard x context = number of ranks");

export const Checkpoints = z
  .strictObject({
    directory: RelativePath,
    every_steps: z.int().min(1),
    keep_last: z.int().min(1),
    keep_every: z.int().min(1).optional().describe("checkpoints at multiples of this step are kept for good"),
  })
  .meta({ id: "Checkpoints" });

export const TrainConfig = z
  .strictObject({
    ...common,
    shape: ModelShape.optional().describe(
      "start from random weights of this shape; exactly one of this and model",
    ),
    model: Input.optional().describe("start from this model artifact"),
    rope_scaling: RopeScaling.optional(),
    language_model: LanguageModelObjective.optional(),
    chat: ChatObjective.optional(),
    dpo: DpoObjective.optional().describe(
      "exactly one of language_model, chat and dpo; the reference model is `model`",
    ),
    training: Training,
    parallelism: Parallelism,
    checkpoints: Checkpoints,
    export_dtype: z
      .enum(["float32", "bfloat16"])
      .optional()
      .describe("type of the written model's weights; absent: float32, as they are trained"),
    evaluate_every_steps: z
      .int()
      .min(1)
      .describe("held-out loss at each multiple of this step and at the end"),
    parents: z.array(Input),
  })
  .meta({ id: "TrainConfig" })
  .describe(
    "program `train`: one trainer, three objectives; writes the model artifact in Hugging Face layout",
  );
