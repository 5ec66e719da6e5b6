import { z } from "zod";
import {
  atomicList,
  count,
  decimal,
  exactlyOneOf,
  mapList,
  objectName,
  share,
  text,
  withRules,
} from "./fields.ts";
import { ClaimPath, Language } from "./parts.ts";

/** What cleans documents between extraction and deduplication: stages in order, each of one sort. */

const Urls = z.strictObject({
  domains: atomicList(text(253), 10_000)
    .default([])
    .describe("documents of these domains, and of those below them, are dropped"),
  words: atomicList(text(64), 1000)
    .default([])
    .describe("documents with one of these between two signs of their address are dropped"),
  list: ClaimPath.optional().describe(
    "file of further ones: a domain, or an address with all that begins with it, a line; # begins a comment",
  ),
});

const Paragraphs = z.strictObject({
  notices: z
    .boolean()
    .default(true)
    .describe("remove notices of cookies and scripts, of consent and of sharing"),
  encodedData: z.boolean().default(true).describe("remove paragraphs of base64 and of hexadecimal digits"),
  scripts: z.boolean().default(true).describe("remove paragraphs of minified scripts and style sheets"),
});

const Rules = z.strictObject({
  minCharacters: count(0, 1_000_000).default(100).describe("shorter documents are dropped"),
  maxCharacters: count(1, 1_000_000_000).default(1_000_000).describe("longer documents are dropped"),
  minJapaneseShare: share().default("0.3").describe("Japanese: least share of kana and kanji"),
  minHiraganaShare: share()
    .default("0.1")
    .describe("Japanese: least share of hiragana; prose has it, keyword lists do not"),
  maxSymbolShare: share().default("0.3").describe("largest share of symbols and digits"),
  maxDigitShare: share().default("0.3").describe("largest share of digits; tables of numbers have more"),
  maxLinkShare: share().default("0.2").describe("largest share of addresses of links in the text"),
  maxDuplicateLineShare: share()
    .default("0.3")
    .describe("largest share of lines that repeat an earlier one; what is said in quotes may be repeated"),
  maxDuplicateLineCharacterShare: share()
    .default("0.2")
    .describe(
      "largest share of characters in lines that repeat an earlier one; verse may have twice as much",
    ),
  maxTopNgramShare: share()
    .default("0.3")
    .describe("largest share of the most frequent n-gram: 3 words, in Japanese 6 characters"),
  maxDuplicateNgramShare: share()
    .default("0.5")
    .describe("largest share of n-grams that occurred before: 5 words, in Japanese 12 characters"),
  maxBulletLineShare: share().default("0.9").describe("largest share of lines that begin with a bullet"),
  maxEllipsisLineShare: share().default("0.3").describe("largest share of lines that break off (…)"),
  minMeanWordLength: decimal().default("3").describe("English: least mean word length in characters"),
  maxMeanWordLength: decimal().default("10").describe("English: largest mean word length in characters"),
  minStopWords: count(0, 100).default(2).describe("English: least number of different stop words"),
  minSentenceEndShare: share()
    .default("0.1")
    .describe("least share of lines that end as a sentence, a speech or a verse does"),
  maxEncodedShare: share().default("0.1").describe("largest share of base64 and hexadecimal data"),
  maxMeanLineLength: count(1, 1_000_000)
    .default(100)
    .describe("code: largest mean length of lines; minified code has more"),
  maxLineLength: count(1, 1_000_000_000).default(1000).describe("code: largest length of a line"),
  minLetterShare: share().default("0.25").describe("code: least share of letters; tables of data have less"),
});

const Words = z.strictObject({
  words: atomicList(text(128), 10_000)
    .default([])
    .describe(
      "words that are counted where they stand by themselves: a word of letters or of katakana has no such neighbours",
    ),
  list: ClaimPath.optional().describe("file of further words, one a line; # begins a comment"),
  atLeast: count(1, 1000).default(1).describe("documents with so many of them, or more, are dropped"),
});

export const maskedKinds = ["email", "ipAddress", "phone", "creditCard", "myNumber"] as const;

const Mask = z.strictObject({
  kinds: atomicList(z.enum(maskedKinds), maskedKinds.length, 1).describe(
    "what is replaced by its name in brackets, e.g. [email]; numbers of cards and of residents (myNumber) only where their check digit is right",
  ),
});

const Classifier = withRules(
  z.strictObject({
    clean: ClaimPath.describe("file of clean example documents: JSON lines with `text`"),
    dirty: ClaimPath.describe("file of dirty example documents: JSON lines with `text`"),
    threshold: share().optional().describe("documents less likely clean than this are dropped"),
    precision: share()
      .optional()
      .describe(
        "instead of threshold: the least threshold at which this share of the held-out examples that stay is clean",
      ),
    epochs: count(1, 1000).default(25).describe("passes over the examples when the classifier is trained"),
  }),
  {
    rule: "!has(self.threshold) || !has(self.precision)",
    message: "only one of threshold and precision may be set; without either, threshold is 0.5",
  },
);

const sorts = ["urls", "paragraphs", "rules", "words", "mask", "classifier"] as const;

/** Rows of the funnel that are no stage's. */
const reservedNames = ["read", "language", "extraction", "exact", "mixture"];

const Stage = withRules(
  z.strictObject({
    name: objectName().describe("name of the stage: its row of the funnel"),
    languages: atomicList(Language, 64)
      .default([])
      .describe("languages of the documents that it is for; empty: all"),
    sources: atomicList(objectName(), 256)
      .default([])
      .describe("sources of the documents that it is for; empty: all"),
    urls: Urls.optional().describe("drops documents by their address"),
    paragraphs: Paragraphs.optional().describe("removes paragraphs that are no text"),
    rules: Rules.optional().describe("drops documents by rules, each for the languages it makes sense in"),
    words: Words.optional().describe("drops documents by the words in them"),
    mask: Mask.optional().describe("masks personal data"),
    classifier: Classifier.optional().describe(
      "drops what a linear model, trained from examples, takes for dirty; source code is left alone",
    ),
  }),
  exactlyOneOf(...sorts),
  {
    rule: `!(self.name in [${reservedNames.map((name) => `'${name}'`).join(", ")}])`,
    message: `must not be one of ${reservedNames.join(", ")}, which are rows of the funnel`,
    fieldPath: ".name",
  },
);

export const CleaningStages = mapList(Stage, "name", 32)
  .default([])
  .describe(
    "what a document goes through after extraction, in this order; it ends at the first that drops it",
  );
