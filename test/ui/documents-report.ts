import type { CorpusReport } from "../../operator/ui-server/corpus-report.ts";

/** What the programs of a Corpus have left of its documents, some of which would like to be more than text. */

export const hostile = `<img src=x onerror="document.title='hit'"><script>document.title='hit'</script>javascript:alert(1)`;

const story =
  "鍛冶屋は朝早くから鉄を打っている。火の色を見て、ちょうどよい熱さを知る。水に入れると、白い湯気が上がった。";
const sample = (step: string, reason: string, number: number, text: string) => ({
  ...{ step, reason, language: number % 3 === 0 ? "en" : "ja", source: "web", characters: text.length, text },
  ...{ id: `web/${step || "kept"}.warc.gz#${number}`, url: `https://example.org/${number}?q=${hostile}` },
  score: 0.1 + 0.08 * number,
});

export const documentsReport: CorpusReport = {
  lengths: [6, 7, 8, 9, 10, 11, 12].flatMap((power, index) => {
    const bin = { language: "ja", from: 2 ** power, to: 2 ** (power + 1) };
    const all = [90, 160, 240, 260, 150, 70, 10][index] ?? 0;
    return [
      { ...bin, of: "extracted", documents: all },
      { ...bin, of: "kept", documents: Math.round(all * (0.1 + index * 0.12)) },
    ];
  }),
  scores: Array.from({ length: 20 }, (_, index) => ({
    ...{ of: index < 6 ? "dropped" : "kept", from: index / 20, to: (index + 1) / 20 },
    documents: 10 + (index - 9) ** 2,
  })),
  classifiers: [
    {
      ...{ stage: "learned", held_out: 400, threshold: 0.31, precision: 0.94, recall: 0.97, accuracy: 0.95 },
      calibration: Array.from({ length: 10 }, (_, index) => ({
        ...{ from: index / 10, to: (index + 1) / 10, documents: index === 4 ? 0 : 20 + 4 * index },
        mean_probability: index === 4 ? null : index / 10 + 0.05,
        clean_share: index === 4 ? null : Math.min(1, index / 9),
      })),
      curve: Array.from({ length: 19 }, (_, index) => ({
        ...{ threshold: (index + 1) / 20, precision: 0.7 + index / 70, recall: 1 - (index / 25) ** 2 },
      })),
    },
  ],
  samples: [
    ...[1, 2, 3].map((number) => sample("", "", number, story.repeat(number * 3))),
    ...[1, 2].map((number) => sample("rules", "too_short", number, "鉄。")),
    sample("rules", "too_few_sentences", 1, `メニュー\n会社概要\n${hostile}`),
    sample("learned", "classified_dirty", 2, hostile),
  ],
  clusters: [{ kept: `web/a.warc.gz#1 ${hostile}`, dropped: 39, least_similarity: 0.81 }],
  pairs: [
    {
      similarity: 0.8123,
      kept: { id: "web/a.warc.gz#1", text: `${story}${story.replace("鉄", "鋼")}村の人は皆知っている。` },
      dropped: { id: "web/b.warc.gz#7", text: `${story}${hostile}。村の人は皆知っている。` },
    },
  ],
  tokenizer: {
    ...{ vocabulary_size: 2000, removed_tokens: 3 },
    languages: [
      {
        ...{ language: "ja", characters_per_token: 1.81 },
        ...{ tokens: 1_000_000, available_tokens: 1_200_000, held_out_tokens: 12_000 },
      },
    ],
  },
};
