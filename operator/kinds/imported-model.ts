import { z } from "zod";
import type { ClaimPath } from "../api/parts.ts";
import type { Shape } from "../api/presets.ts";
import { parametersOf } from "../estimates/llama-shape.ts";
import type { ExpectedInput } from "../estimates/model-figures.ts";
import { parseJson } from "./data-formats.ts";

/** An imported model by its config.json, where the directory can be read. */

const positive = z.int().min(1);

/** Of transformers 4 (rope_scaling) and 5 (rope_parameters). */
const Rope = z.looseObject({
  rope_type: z.enum(["default", "linear"]).optional(),
  type: z.enum(["default", "linear"]).optional(),
});

/** As much of Hugging Face's config.json as the kernels compute; `model/config.py` refuses the rest. */
const Config = z
  .looseObject({
    architectures: z
      .tuple([z.literal("LlamaForCausalLM")])
      .nullish()
      .transform((given) => given ?? undefined),
    hidden_act: z.literal("silu").optional(),
    attention_bias: z.literal(false).nullish(),
    mlp_bias: z.literal(false).nullish(),
    vocab_size: positive,
    hidden_size: positive,
    intermediate_size: positive,
    num_hidden_layers: positive,
    num_attention_heads: positive,
    num_key_value_heads: positive.nullish(),
    max_position_embeddings: positive,
    tie_word_embeddings: z.boolean().nullish(),
    head_dim: positive.nullish(),
    rope_scaling: Rope.nullish(),
    rope_parameters: Rope.nullish(),
  })
  .refine(
    ({ head_dim, num_attention_heads: heads, hidden_size }) =>
      (head_dim ?? hidden_size / heads) * heads === hidden_size,
    {
      path: ["head_dim"],
    },
  );

/** The model as an input of plans and refusals, or what is wrong with config.json. */
export function importedModel(
  { claimName, path }: z.output<typeof ClaimPath>,
  config: string,
): ExpectedInput | { problem: string } {
  const parsed = Config.safeParse(parseJson(config));
  if (!parsed.success) return { problem: problemOf(parsed.error) };
  const read = parsed.data;
  const shape: Shape = {
    hiddenSize: read.hidden_size,
    intermediateSize: read.intermediate_size,
    layers: read.num_hidden_layers,
    attentionHeads: read.num_attention_heads,
    keyValueHeads: read.num_key_value_heads ?? read.num_attention_heads,
    tieWordEmbeddings: read.tie_word_embeddings ?? false,
  };
  return {
    role: "model",
    kind: "directory",
    name: path === "." ? claimName : `${claimName}/${path}`,
    shape,
    artifact: {
      type: "model",
      stage: "",
      claimName,
      path,
      digest: "",
      sizeBytes: 0,
      parents: [],
      vocabularySize: read.vocab_size,
      contextLength: read.max_position_embeddings,
      parameters: parametersOf(shape, read.vocab_size),
    },
  };
}

function problemOf({ issues: [issue] }: z.ZodError): string {
  const field = issue?.path[0];
  if (field === undefined) return "is no JSON object; export the model again";
  return `${String(field)} is missing or not supported; use a LlamaForCausalLM model without it`;
}
