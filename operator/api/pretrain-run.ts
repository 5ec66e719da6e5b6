import { z } from "zod";
import { count, decimal, exactlyOneOf, withRules } from "./fields.ts";
import { Checkpoints, CorpusParallelism, CorpusTraining, LocalReference, runFields } from "./parts.ts";
import { presetNames } from "./presets.ts";

const Shape = withRules(
  z.strictObject({
    hiddenSize: count(8, 65_536).describe("width of the residual stream"),
    intermediateSize: count(8, 262_144).describe("width of the feed-forward layer"),
    layers: count(1, 512).describe("number of transformer blocks"),
    attentionHeads: count(1, 512).describe("query heads; divides hiddenSize"),
    keyValueHeads: count(1, 512).describe("key and value heads; divides attentionHeads"),
    tieWordEmbeddings: z
      .boolean()
      .default(false)
      .describe("whether input and output embeddings are one matrix"),
  }),
  {
    rule: "self.hiddenSize % self.attentionHeads == 0",
    message: "attentionHeads must divide hiddenSize",
    fieldPath: ".attentionHeads",
  },
  {
    rule: "self.attentionHeads % self.keyValueHeads == 0",
    message: "keyValueHeads must divide attentionHeads",
    fieldPath: ".keyValueHeads",
  },
  {
    rule: "(self.hiddenSize / self.attentionHeads) % 2 == 0",
    message: "hiddenSize / attentionHeads must be even",
  },
);

const Model = withRules(
  z.strictObject({
    preset: z.enum(presetNames).optional().describe("a named LLaMA shape"),
    shape: Shape.optional().describe("a LLaMA shape of one's own"),
    ropeTheta: decimal().default("10000").describe("base of the rotary position embedding"),
    rmsNormEpsilon: decimal().default("1e-5").describe("epsilon of RMSNorm"),
  }),
  exactlyOneOf("preset", "shape"),
);

export const PretrainRunSpec = withRules(
  z.strictObject({
    corpus: LocalReference.describe("Corpus to train on; its tokenizer gives the vocabulary"),
    model: Model.describe("LLaMA shape; weights start at random"),
    sequenceLength: count(8, 10_000_000).describe(
      "context window in tokens; sequences are packed to this length",
    ),
    training: CorpusTraining.describe("how long and with which optimizer settings"),
    parallelism: CorpusParallelism.prefault({}).describe("how the ranks share the model"),
    checkpoints: Checkpoints.prefault({}).describe("how often state is saved, and what is kept"),
    ...runFields,
  }),
  {
    rule: "self.training.globalBatchTokens % self.sequenceLength == 0",
    message: "training.globalBatchTokens must be a multiple of sequenceLength",
    fieldPath: ".training.globalBatchTokens",
  },
);
