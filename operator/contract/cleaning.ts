import { z } from "zod";
import { maskedKinds } from "../api/cleaning.ts";
import { Input } from "./parts.ts";

/** What cleans documents between extraction and deduplication: each stage has exactly one of its sorts. */

const rate = z.number().min(0).max(1);

export const UrlFilterConfig = z
  .strictObject({
    domains: z.array(z.string()).describe("these, and those below them, are dropped"),
    words: z.array(z.string()).describe("dropped where one stands between two signs of the address"),
    list: Input.optional().describe("file of domains and beginnings of addresses, one a line"),
  })
  .meta({ id: "UrlFilterConfig" });

export const ParagraphFilterConfig = z
  .strictObject({ notices: z.boolean(), encoded_data: z.boolean(), scripts: z.boolean() })
  .meta({ id: "ParagraphFilterConfig" });

export const RulesConfig = z
  .strictObject({
    min_characters: z.int().min(0),
    max_characters: z.int().min(1),
    min_japanese_ratio: rate.describe(
      "least share of kana and kanji among the characters of a Japanese document",
    ),
    min_hiragana_ratio: rate.describe("least share of hiragana: prose has it, keyword lists do not"),
    max_symbol_ratio: rate,
    max_digit_ratio: rate,
    max_link_ratio: rate.describe("largest share of characters in addresses of links"),
    max_duplicate_line_ratio: rate.describe(
      "largest share of lines that repeat an earlier line (Gopher, Rae et al. 2021, table A1)",
    ),
    max_duplicate_line_character_ratio: rate.describe("the same by characters (Gopher)"),
    max_top_ngram_ratio: rate.describe("largest share of the most frequent n-gram (Gopher)"),
    max_duplicate_ngram_ratio: rate.describe("largest share of n-grams that occurred before (Gopher)"),
    max_bullet_line_ratio: rate.describe("largest share of lines that begin with a bullet (Gopher)"),
    max_ellipsis_line_ratio: rate.describe("largest share of lines that end with an ellipsis (Gopher)"),
    min_mean_word_length: z.number().min(0).describe("English only (Gopher)"),
    max_mean_word_length: z.number().min(0).describe("English only (Gopher)"),
    min_stop_words: z.int().min(0).describe("English only: least number of distinct stop words (Gopher)"),
    min_sentence_end_ratio: rate.describe(
      "least share of lines that end as a sentence does (C4, Raffel et al. 2020)",
    ),
    max_encoded_ratio: rate.describe("largest share of base64 and hexadecimal data"),
    max_mean_line_length: z.int().min(1).describe("code only (StarCoder, Li et al. 2023)"),
    max_line_length: z.int().min(1).describe("code only (StarCoder)"),
    min_letter_ratio: rate.describe("code only (StarCoder)"),
  })
  .meta({ id: "RulesConfig" });

export const WordFilterConfig = z
  .strictObject({
    words: z.array(z.string()),
    list: Input.optional().describe("file of further words, one a line"),
    at_least: z.int().min(1).describe("occurrences from which a document is dropped"),
  })
  .meta({ id: "WordFilterConfig" });

export const MaskConfig = z
  .strictObject({ kinds: z.array(z.enum(maskedKinds)).min(1) })
  .meta({ id: "MaskConfig" });

export const ClassifierConfig = z
  .strictObject({
    clean: Input.describe("file of clean example documents: JSON lines with `text`"),
    dirty: Input.describe("file of dirty example documents: JSON lines with `text`"),
    threshold: rate
      .optional()
      .describe("documents whose probability of being clean is below this are dropped"),
    precision: rate
      .optional()
      .describe("exactly one of this and threshold: the least threshold that has this held-out precision"),
    epochs: z.int().min(1).max(1000),
  })
  .meta({ id: "ClassifierConfig" });

export const CleaningStage = z
  .strictObject({
    name: z.string().min(1),
    languages: z.array(z.string()).describe("languages of the documents that it is for; empty: all"),
    sources: z.array(z.string()).describe("sources of the documents that it is for; empty: all"),
    urls: UrlFilterConfig.optional(),
    paragraphs: ParagraphFilterConfig.optional(),
    rules: RulesConfig.optional(),
    words: WordFilterConfig.optional(),
    mask: MaskConfig.optional(),
    classifier: ClassifierConfig.optional(),
  })
  .meta({ id: "CleaningStage" })
  .describe("exactly one of its sorts is given");
