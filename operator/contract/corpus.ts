import { z } from "zod";
import { identifiedLanguages } from "../api/languages.ts";
import { CleaningStage } from "./cleaning.ts";
import { common, Input, Language, RelativePath, Seed } from "./parts.ts";

/**
 * Programs that make a corpus. Field names are the kernels' own: snake_case, PyTorch's and Hugging Face's
 * words.
 */

export const CleanSource = z
  .strictObject({
    name: z.string().min(1),
    language: Language.optional().describe("of all texts; absent: it is told from each"),
    languages: z
      .array(z.enum(identifiedLanguages))
      .min(1)
      .optional()
      .describe("where language is absent: texts in others are passed over"),
    licence: z.string().min(1),
    format: z.enum(["warc", "wet", "html", "mediawiki", "jsonl", "parquet", "text", "code"]),
    text_field: z
      .string()
      .min(1)
      .optional()
      .describe("field or column of the texts in jsonl and parquet; absent: text"),
    input: Input,
    include: z.array(z.string()).min(1).describe("glob patterns below the input directory"),
  })
  .meta({ id: "CleanSource" });

export const ExtractionConfig = z
  .strictObject({
    main_content: z
      .boolean()
      .describe("keep the main content of a page only, without navigation and boilerplate"),
    output: z
      .enum(["text", "markdown"])
      .describe("markdown: headings, lists, tables and code are marked as such"),
    ruby: z
      .enum(["base", "readings"])
      .describe("base: the annotated text alone; readings: each reading follows it in （）"),
    max_record_bytes: z
      .int()
      .min(1024)
      .describe("records larger than this, packed or unpacked, are counted and skipped"),
    max_record_seconds: z
      .int()
      .min(1)
      .max(3600)
      .describe("processor seconds that a record may take; others are counted and skipped"),
    max_record_memory_bytes: z
      .int()
      .min(67_108_864)
      .describe("memory that a record may take; others are counted and skipped"),
  })
  .meta({ id: "ExtractionConfig" });

export const CleanConfig = z
  .strictObject({
    ...common,
    sources: z.array(CleanSource).min(1),
    tasks: z
      .int()
      .min(1)
      .max(100_000)
      .describe("number of tasks the files are divided into; never changes within a run"),
    workers: z.int().min(1).describe("number of pods; pod i does the tasks t with t mod workers = i"),
    extraction: ExtractionConfig,
    stages: z.array(CleaningStage).describe("what a document goes through after extraction, in order"),
    seed: Seed,
  })
  .meta({ id: "CleanConfig" })
  .describe("program `clean`: sources to clean documents, task by task");

export const MinHashConfig = z
  .strictObject({
    permutations: z.int().min(16).max(1024),
    bands: z.int().min(1).max(256).describe("divides permutations; rows = permutations / bands"),
    shingle: z
      .int()
      .min(1)
      .max(64)
      .describe("shingle size: characters for Japanese, words for English and code"),
    similarity: z
      .number()
      .min(0)
      .max(1)
      .describe("pairs whose shingles have at least this Jaccard similarity are duplicates"),
  })
  .meta({ id: "MinHashConfig" });

export const DeduplicateConfig = z
  .strictObject({
    ...common,
    input: RelativePath.describe("output directory of `clean`"),
    work: RelativePath.describe(
      "directory that the steps share, below the output of the last one; removed at the end",
    ),
    step: z
      .enum(["keys", "candidates", "texts", "similarity", "choice", "documents"])
      .optional()
      .describe(
        "the one step that this Job does; absent: all of them, one after another, which takes workers 1",
      ),
    tasks: z.int().min(1).describe("number of tasks of `clean`"),
    workers: z
      .int()
      .min(1)
      .describe("number of pods of the step; pod i does the parts p with p mod workers = i"),
    parts: z
      .int()
      .min(1)
      .max(256)
      .describe(
        "parts of each step: as many ranges of the keys, and the tasks t with t mod parts = the part",
      ),
    memory_bytes: z
      .int()
      .min(67_108_864)
      .describe("memory limit of the pod; what does not fit is spilled to the work directory"),
    exact: z.boolean().describe("drop documents whose normalised text is another's"),
    near: z
      .boolean()
      .describe("drop near duplicates; where false they are found all the same, and never held out"),
    min_hash: MinHashConfig,
    keep: z
      .enum(["source_order", "longest", "newest"])
      .describe("which of several duplicates stays; equal ones in the order of sources"),
    seed: Seed,
  })
  .meta({ id: "DeduplicateConfig" })
  .describe("program `deduplicate`: drops exact and near duplicates over all tasks");

export const RemovalRule = z
  .strictObject({
    contains: z.string().min(1).optional().describe("removes every token whose text contains this"),
    pattern: z
      .string()
      .min(1)
      .optional()
      .describe("removes every token whose text matches this regular expression anywhere"),
  })
  .meta({ id: "RemovalRule" })
  .describe("exactly one of contains and pattern");

export const MixturePart = z
  .strictObject({
    language: Language,
    ratio: z.number().gt(0).describe("its share, relative to the sum of all parts' ratios"),
  })
  .meta({ id: "MixturePart" });

export const TokenizerTraining = z
  .strictObject({
    vocabulary_size: z.int().min(300).max(1_000_000).describe("size before removal"),
    training_bytes: z.int().min(1).describe("at most this much text is sampled for training"),
    parts: z.array(MixturePart).min(1).describe("share of each language in the sample"),
    max_words: z
      .int()
      .min(1000)
      .describe("distinct words counted at once; in larger samples the rarest beyond it are forgotten"),
    removing: z.array(RemovalRule),
  })
  .meta({ id: "TokenizerTraining" });

export const MixtureSource = z
  .strictObject({
    name: z.string().min(1),
    weight: z
      .number()
      .gt(0)
      .describe("within each of its languages: a token of it counts as much as so many of weight 1"),
    max_epochs: z.number().gt(0).optional().describe("instead of the mixture's"),
  })
  .meta({ id: "MixtureSource" });

export const MixtureConfig = z
  .strictObject({
    tokens: z.int().min(1).optional().describe("training tokens; absent: as many as the ratios allow"),
    parts: z.array(MixturePart).min(1),
    max_epochs: z
      .number()
      .min(1)
      .describe("how often a source's documents may be repeated to meet a language's ratio"),
    sources: z.array(MixtureSource).describe("sources whose weight is not 1 or that have a cap of their own"),
    licences: z
      .array(z.string())
      .min(1)
      .optional()
      .describe("documents of sources with other licences are used for nothing; absent: all are used"),
  })
  .meta({ id: "MixtureConfig" });

export const TokenizeConfig = z
  .strictObject({
    ...common,
    input: RelativePath.describe("output directory of `deduplicate`"),
    train_tokenizer: TokenizerTraining.optional(),
    tokenizer: Input.optional().describe(
      "corpus or model artifact, directory or file whose tokenizer.json or SentencePiece model is used; exactly one of this and train_tokenizer",
    ),
    mixture: MixtureConfig,
    held_out_ratio: z
      .number()
      .gt(0)
      .lt(1)
      .describe("share of each language's documents kept out of training, by hash of the document"),
    shard_tokens: z.int().min(1024).describe("tokens per packed shard file"),
    memory_bytes: z
      .int()
      .min(67_108_864)
      .describe("memory limit of the pod; what does not fit while packing is spilled to the work directory"),
    parents: z.array(Input).describe("artifacts this corpus descends from, recorded in the manifest"),
    seed: Seed,
  })
  .meta({ id: "TokenizeConfig" })
  .describe("program `tokenize`: tokenizer, mixture by ratio, packed shards; writes the corpus artifact");
