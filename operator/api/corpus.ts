import { z } from "zod";
import { CleaningStages } from "./cleaning.ts";
import {
  atomicList,
  count,
  decimal,
  exactlyOneOf,
  mapList,
  objectName,
  percent,
  share,
  text,
  withRules,
} from "./fields.ts";
import { identifiedLanguages } from "./languages.ts";
import { ClaimPath, Language, LocalReference, runFields } from "./parts.ts";

const Source = withRules(
  z.strictObject({
    name: objectName().describe("name of the source, for the funnel and lineage"),
    language: Language.optional().describe(
      "language of all texts as a BCP 47 tag (ja, en, zh-Hant), or code: decides the rules and the share of the mixture they count for",
    ),
    languages: atomicList(z.enum(identifiedLanguages), 32, 1)
      .optional()
      .describe(
        "languages that are wanted of a source with several: the language of each text is told before it is extracted, others are passed over and counted",
      ),
    licence: text(128).describe(
      "licence of the texts, e.g. Apache-2.0; recorded in the artifact. A `licence` that a row of jsonl or parquet has goes first in the documents' column",
    ),
    format: z
      .enum(["warc", "wet", "html", "mediawiki", "jsonl", "parquet", "text", "code"])
      .describe(
        "warc: pages of web archives, also ARC; wet: texts of web archives; html: one page a file; mediawiki: articles of XML dumps; jsonl and parquet: one document a line or row in `textField`, with `id`, `url`, `title`, `time` and `licence` where there are such; text and code: one document a file. Files, but for parquet, may be packed with gzip, zstd, bz2 or xz",
      ),
    textField: text(128)
      .optional()
      .describe("field or column that has the text of jsonl and parquet; absent: text"),
    from: ClaimPath.describe("directory the files lie in"),
    include: atomicList(text(), 64, 1)
      .default(["**/*"])
      .describe("glob patterns of the files below the directory"),
  }),
  exactlyOneOf("language", "languages"),
  {
    rule: "!has(self.textField) || self.format in ['jsonl', 'parquet']",
    message: "only jsonl and parquet have a textField",
    fieldPath: ".textField",
  },
);

const Extraction = z.strictObject({
  mainContent: z
    .boolean()
    .default(true)
    .describe("keep a page's main content only, without navigation and boilerplate"),
  output: z
    .enum(["text", "markdown"])
    .default("text")
    .describe("text: as a reader sees it; markdown: headings, lists, tables and code are marked as such"),
  ruby: z
    .enum(["base", "readings"])
    .default("base")
    .describe("base: the annotated text alone; readings: each reading follows it in （）"),
  maxRecordBytes: count(1024, 1_073_741_824)
    .default(10_485_760)
    .describe("larger records, packed or unpacked, are counted and skipped"),
  maxRecordSeconds: count(1, 3600)
    .default(10)
    .describe("records that take more processor time are counted and skipped (took_too_long)"),
  maxRecordMemoryBytes: count(67_108_864, 1_099_511_627_776)
    .default(536_870_912)
    .describe("records that take more memory are counted and skipped (took_too_much_memory)"),
});

export const MinHash = withRules(
  z.strictObject({
    permutations: count(16, 1024).default(128).describe("length of a signature"),
    bands: count(1, 256).default(16).describe("bands of the signature; divides permutations"),
    shingle: count(1, 64)
      .default(5)
      .describe("shingle size: characters in Japanese, words in English and code"),
    similarity: share()
      .default("0.8")
      .describe("Jaccard similarity of their shingles from which two documents are duplicates"),
  }),
  {
    rule: "self.permutations % self.bands == 0",
    message: "bands must divide permutations",
    fieldPath: ".bands",
  },
);

const Deduplication = z.strictObject({
  exact: z.boolean().default(true).describe("drop documents whose normalised text occurred before"),
  minHash: MinHash.optional().describe("drop near duplicates; absent: only exact ones"),
  keep: z
    .enum(["sourceOrder", "longest", "newest"])
    .default("sourceOrder")
    .describe(
      "which of several duplicates stays: the first in the order of sources, the longest text, or the newest by time of its record; where that is equal, the first",
    ),
});

const Cleaning = z.strictObject({
  stages: CleaningStages,
  deduplication: Deduplication.prefault({}).describe("removal of duplicates over all sources"),
});

const percentsSum =
  "[self.filter(part, has(part.percent)).map(part, double(part.percent)).sum()].all(sum, 99.999999 < sum && sum < 100.000001)";

const partOfSample = z.strictObject({
  language: Language.describe("language of the part"),
  percent: percent().describe('share of the sample in percent, e.g. 50 or "49.5"'),
});

const partOfMixture = z.strictObject({
  language: Language.describe("language of the part"),
  percent: percent().optional().describe('share of the training tokens in percent, e.g. 50 or "49.5"'),
  tokens: count(1).optional().describe("training tokens of the part"),
});

const SourceInMixture = z.strictObject({
  name: objectName().describe("name of a source"),
  weight: decimal()
    .default("1")
    .describe(
      "how much a token of it counts beside those of other sources in the same language; at 2 it is read twice as often as one at 1",
    ),
  maxEpochs: decimal()
    .optional()
    .describe("how often its documents may be repeated; default: the mixture's maxEpochs"),
});

const Mixture = withRules(
  z.strictObject({
    tokens: count(1)
      .optional()
      .describe("training tokens in all; absent: as many as the percents allow without repeating a document"),
    ratios: withRules(
      mapList(partOfMixture, "language", 32, 1),
      {
        rule: "self.all(part, has(part.percent) != has(part.tokens)) && (self.all(part, has(part.percent)) || self.all(part, has(part.tokens)))",
        message: "every part must have percent, or every part tokens",
      },
      {
        rule: `self.exists(part, has(part.tokens)) || ${percentsSum}`,
        message: "percents must sum to 100",
      },
    ).describe("share of each language in the training tokens: percents of all, or tokens"),
    maxEpochs: decimal()
      .default("1")
      .describe("how often documents may be repeated to meet tokens and ratios"),
    sources: mapList(SourceInMixture, "name", 256)
      .default([])
      .describe("sources that count more or less than others, or may be repeated more or less often"),
    licences: atomicList(text(128), 64, 1)
      .optional()
      .describe(
        "licences whose sources are used, as `licence` of the sources has them; absent: all. Documents of other sources are counted as dropped for `licence`",
      ),
  }),
  {
    rule: "!has(self.tokens) || self.ratios.all(part, has(part.percent))",
    message: "tokens must be absent where the parts of ratios have tokens: it is their sum",
    fieldPath: ".tokens",
  },
);

const Removal = withRules(
  z.strictObject({
    contains: text(128).optional().describe("removes every token whose text contains this"),
    pattern: text()
      .optional()
      .describe("removes every token whose text matches this regular expression somewhere"),
  }),
  exactlyOneOf("contains", "pattern"),
);

const Tokenizer = withRules(
  z.strictObject({
    train: z
      .strictObject({
        vocabularySize: count(300, 1_000_000).describe("size of the vocabulary before removal"),
        trainingBytes: count(1024)
          .default(10_000_000_000)
          .describe("at most this much text is sampled for training"),
        ratios: withRules(mapList(partOfSample, "language", 32, 1), {
          rule: percentsSum,
          message: "percents must sum to 100",
        })
          .optional()
          .describe("share of each language in the sample; absent: as in the mixture"),
        removing: atomicList(Removal, 1000).default([]).describe("tokens removed after training"),
      })
      .optional()
      .describe("train a byte-level BPE tokenizer on this corpus"),
    fromCorpus: LocalReference.optional().describe("use the tokenizer of another Corpus"),
    from: ClaimPath.optional().describe(
      "use the tokenizer of an imported model: a directory or file, Hugging Face tokenizer.json or SentencePiece model",
    ),
  }),
  exactlyOneOf("train", "fromCorpus", "from"),
);

export const CorpusSpec = withRules(
  z.strictObject({
    sources: mapList(Source, "name", 256, 1).describe("where the texts come from"),
    extraction: Extraction.prefault({}).describe("how text is taken from web pages"),
    cleaning: Cleaning.prefault({}).describe("which documents stay"),
    mixture: Mixture.describe("shares of the languages in the training tokens"),
    tokenizer: Tokenizer.describe("how text becomes tokens"),
    heldOutShare: share()
      .default("0.01")
      .describe("share of each language's documents kept out of training for measurements"),
    shardTokens: count(1024, 10_000_000_000).default(100_000_000).describe("tokens per packed shard file"),
    tasks: count(1, 100_000)
      .default(8)
      .describe("tasks the files are divided into; the unit of repetition after a failure"),
    seed: count(0, 2_147_483_647)
      .default(42)
      .describe("seed of sampling and order; the same seed gives the same bytes"),
    ...runFields,
  }),
  {
    rule: "self.mixture.ratios.all(part, self.sources.exists(source, (has(source.language) && source.language == part.language) || (has(source.languages) && part.language in source.languages)))",
    message: "every language of mixture.ratios needs a source",
    fieldPath: ".mixture.ratios",
  },
);
