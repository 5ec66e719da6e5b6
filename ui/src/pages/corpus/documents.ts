import type { CorpusReport } from "../../../../operator/ui-server/corpus-report.ts";
import type { HistogramRow } from "./histogram.tsx";

/** The report of a corpus's documents as the page lays it out. */

export type { CorpusReport };
export type Sample = CorpusReport["samples"][number];

/** Lengths of one language, or of all, with the bins between the first and the last that has something. */
export function lengthRows(lengths: CorpusReport["lengths"], language?: string): HistogramRow[] {
  const own = lengths.filter((row) => language === undefined || row.language === language);
  const froms = [...new Set(own.map(({ from }) => from))].toSorted((a, b) => a - b);
  const [first, last] = [froms[0], froms.at(-1)];
  if (first === undefined || last === undefined) return [];
  const rows: HistogramRow[] = [];
  for (let from = Math.max(1, first); from <= last; from *= 2) {
    const bin = own.filter((row) => row.from === from);
    rows.push({ name: `${from} – ${2 * from - 1}`, all: sumOf(bin, "extracted"), kept: sumOf(bin, "kept") });
  }
  return rows;
}

export function scoreRows(scores: CorpusReport["scores"]): HistogramRow[] {
  const froms = [...new Set(scores.map(({ from }) => from))].toSorted((a, b) => a - b);
  return froms.map((from) => {
    const bin = scores.filter((row) => row.from === from);
    const kept = sumOf(bin, "kept");
    const to = bin[0]?.to ?? from;
    return { name: `${from.toFixed(2)} – ${to.toFixed(2)}`, all: kept + sumOf(bin, "dropped"), kept };
  });
}

const sumOf = (bins: readonly { of: string; documents: number }[], of: string): number =>
  bins.reduce((sum, bin) => sum + (bin.of === of ? bin.documents : 0), 0);

/** A group of samples: those that stayed have no reason. */
export interface SampleGroup {
  key: string;
  step: string;
  reason: string;
  samples: Sample[];
}

export function sampleGroups(samples: readonly Sample[]): SampleGroup[] {
  const groups = Map.groupBy(samples, ({ step, reason }) => `${step}\n${reason}`);
  return [...groups].map(([key, own]) => ({
    key,
    step: own[0]?.step ?? "",
    reason: own[0]?.reason ?? "",
    samples: own,
  }));
}

export interface Passage {
  text: string;
  /** Whether the other text has it nowhere. */
  own: boolean;
}

/** A text in sentences and lines, those marked that the other of a pair does not have. */
export function passagesOf(text: string, other: string): Passage[] {
  const theirs = new Set(sentencesOf(other).map((one) => one.trim()));
  const sentences = sentencesOf(text);
  return sentences.map((one, index) => ({
    text: one,
    // The last one may have been cut off.
    own:
      one.trim() !== "" && !theirs.has(one.trim()) && !(index === sentences.length - 1 && isCut(one, theirs)),
  }));
}

const isCut = (sentence: string, others: ReadonlySet<string>): boolean =>
  [...others].some((other) => other.startsWith(sentence.trim()));

const sentencesOf = (text: string): string[] =>
  text.match(/[^。．！？!?\n]*(?:[。．！？!?\n]+|$)/g)?.filter((one) => one !== "") ?? [];
