import { z } from "zod";
import { common, Input, Language, Seed } from "./parts.ts";

const rate = z.number().min(0).max(1);

export const CleanSource = z
  .strictObject({
    name: z.string().min(1),
    language: Language,
    licence: z.string().min(1),
    format: z.enum(["warc", "jsonl", "text", "code"]),
    input: Input,
    include: z.array(z.string()).min(1).describe("glob patterns below the input directory"),
  })
  .meta({ id: "CleanSource" });

export const ExtractionConfig = z
  .strictObject({
    main_content: z.boolean().describe("keep the main content of a page only, without navigation and boilerplate"),
    max_record_bytes: z.int().min(1024).describe("records larger than this are counted and skipped"),
  })
  .meta({ id: "ExtractionConfig" });

export const RulesConfig = z
  .strictObject({
    min_characters: z.int().min(0),
    max_characters: z.int().min(1),
    min_japanese_ratio: rate.describe("least share of kana and kanji among the characters of a Japanese document"),
    min_hiragana_ratio: rate.describe("least share of hiragana: prose has it, keyword lists do not"),
    max_symbol_ratio: rate,
    max_duplicate_line_ratio: rate.describe(
      "largest share of lines that repeat an earlier line (Gopher, Rae et al. 2021, table A1)",
    ),
    min_mean_word_length: z.number().min(0).describe("English only (Gopher)"),
    max_mean_word_length: z.number().min(0).describe("English only (Gopher)"),
    min_stop_words: z.int().min(0).describe("English only: least number of distinct stop words (Gopher)"),
    min_sentence_end_ratio: rate.describe("least share of lines that end as a sentence does (C4, Raffel et al. 2020)"),
    banned_words: z.array(z.string()),
  })
  .meta({ id: "RulesConfig" });

export const ClassifierConfig = z
  .strictObject({
    clean: Input.describe("file of clean example documents: JSON lines with `text`"),
    dirty: Input.describe("file of dirty example documents: JSON lines with `text`"),
    threshold: rate.describe("documents whose probability of being clean is below this are dropped"),
    epochs: z.int().min(1).max(1000),
  })
  .meta({ id: "ClassifierConfig" });

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
    rules: RulesConfig.optional(),
    classifier: ClassifierConfig.optional(),
    seed: Seed,
  })
  .meta({ id: "CleanConfig" })
  .describe("program `clean`: sources to clean documents, task by task");
