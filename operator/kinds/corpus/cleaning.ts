import type { z } from "zod";
import type { CorpusSpec } from "../../api/corpus.ts";
import { invalidSpec, type Refusal } from "../../estimates/refusal.ts";
import type { Mount } from "../batch-kind.ts";
import type { DataFormat } from "../data-formats.ts";
import { claimNeed, type Need } from "../needs.ts";
import { claimMount, mounted } from "../stage-inputs.ts";

/** What the stages of cleaning read beside the documents, and how the program is told of them. */

type Spec = z.output<typeof CorpusSpec>;
type Stage = Spec["cleaning"]["stages"][number];
type Rules = NonNullable<Stage["rules"]>;

interface StageFile {
  /** Of its mount. */
  name: string;
  from: NonNullable<NonNullable<Stage["words"]>["list"]>;
  /** Below spec.cleaning. */
  field: string;
  format: DataFormat;
}

const fileName = (stage: string, file: string) => `${stage}-${file}`;

function filesOf({ name, urls, words, classifier }: Stage, index: number): StageFile[] {
  const file = (from: StageFile["from"] | undefined, field: string, format: DataFormat): StageFile[] => {
    if (from === undefined) return [];
    const what = field.split(".").at(-1) ?? field;
    return [{ name: fileName(name, what), from, field: `cleaning.stages[${index}].${field}`, format }];
  };
  return [
    ...file(urls?.list, "urls.list", "list"),
    ...file(words?.list, "words.list", "list"),
    ...file(classifier?.clean, "classifier.clean", "examples"),
    ...file(classifier?.dirty, "classifier.dirty", "examples"),
  ];
}

export const cleaningNeeds = ({ cleaning }: Spec): Need[] =>
  cleaning.stages
    .flatMap(filesOf)
    .map(({ name, from, field, format }) => claimNeed(from, field, { format, parent: name }));

export const cleaningMounts = ({ cleaning }: Spec): Mount[] =>
  cleaning.stages.flatMap(filesOf).map(({ name, from }) => claimMount(name, from));

export function refuseStages({ sources, cleaning }: Spec): Refusal | undefined {
  for (const [index, stage] of cleaning.stages.entries()) {
    const unknown = stage.sources.find((name) => !sources.some((source) => source.name === name));
    if (unknown === undefined) continue;
    const known = sources.map(({ name }) => name).join(", ");
    return invalidSpec(
      `spec.cleaning.stages[${index}].sources names ${unknown}, which is none of spec.sources; those are: ${known}`,
    );
  }
  return undefined;
}

export const cleaningConfig = ({ cleaning }: Spec): Record<string, unknown>[] =>
  cleaning.stages.map(({ name, languages, sources, urls, paragraphs, rules, words, mask, classifier }) => {
    const file = (what: string) => mounted(fileName(name, what));
    return {
      name,
      languages,
      sources,
      urls: urls && { ...urls, list: urls.list && file("list") },
      paragraphs: paragraphs && {
        notices: paragraphs.notices,
        encoded_data: paragraphs.encodedData,
        scripts: paragraphs.scripts,
      },
      rules: rules && rulesConfig(rules),
      words: words && { words: words.words, list: words.list && file("list"), at_least: words.atLeast },
      mask,
      classifier: classifier && {
        clean: file("clean"),
        dirty: file("dirty"),
        ...thresholdOf(classifier),
        epochs: classifier.epochs,
      },
    };
  });

const thresholdOf = ({ threshold, precision }: NonNullable<Stage["classifier"]>) =>
  precision === undefined ? { threshold: Number(threshold ?? "0.5") } : { precision: Number(precision) };

function rulesConfig(rules: Rules): Record<string, unknown> {
  return {
    min_characters: rules.minCharacters,
    max_characters: rules.maxCharacters,
    min_japanese_ratio: Number(rules.minJapaneseShare),
    min_hiragana_ratio: Number(rules.minHiraganaShare),
    max_symbol_ratio: Number(rules.maxSymbolShare),
    max_digit_ratio: Number(rules.maxDigitShare),
    max_link_ratio: Number(rules.maxLinkShare),
    max_duplicate_line_ratio: Number(rules.maxDuplicateLineShare),
    max_duplicate_line_character_ratio: Number(rules.maxDuplicateLineCharacterShare),
    max_top_ngram_ratio: Number(rules.maxTopNgramShare),
    max_duplicate_ngram_ratio: Number(rules.maxDuplicateNgramShare),
    max_bullet_line_ratio: Number(rules.maxBulletLineShare),
    max_ellipsis_line_ratio: Number(rules.maxEllipsisLineShare),
    min_mean_word_length: Number(rules.minMeanWordLength),
    max_mean_word_length: Number(rules.maxMeanWordLength),
    min_stop_words: rules.minStopWords,
    min_sentence_end_ratio: Number(rules.minSentenceEndShare),
    max_encoded_ratio: Number(rules.maxEncodedShare),
    max_mean_line_length: rules.maxMeanLineLength,
    max_line_length: rules.maxLineLength,
    min_letter_ratio: Number(rules.minLetterShare),
  };
}
