import { expect, test } from "vitest";
import { lengthRows, passagesOf, sampleGroups, scoreRows } from "./documents.ts";

test("lengths of all languages are added up, and bins without a document stand between the others", () => {
  const bin = (language: string, of: string, from: number, documents: number) => ({
    ...{ language, of, from, to: 2 * from, documents },
  });
  const lengths = [
    bin("ja", "extracted", 64, 5),
    bin("ja", "kept", 64, 2),
    bin("en", "extracted", 64, 1),
    bin("en", "extracted", 256, 7),
  ];
  expect(lengthRows(lengths)).toEqual([
    { name: "64 – 127", all: 6, kept: 2 },
    { name: "128 – 255", all: 0, kept: 0 },
    { name: "256 – 511", all: 7, kept: 0 },
  ]);
  expect(lengthRows(lengths, "ja")).toEqual([{ name: "64 – 127", all: 5, kept: 2 }]);
  expect(lengthRows([])).toEqual([]);
});

test("a score's bar is of what was kept and of what was dropped", () => {
  const bin = (of: string, from: number, documents: number) => ({ of, from, to: from + 0.05, documents });
  expect(scoreRows([bin("kept", 0.5, 3), bin("dropped", 0.5, 1), bin("dropped", 0, 4)])).toEqual([
    { name: "0.00 – 0.05", all: 4, kept: 0 },
    { name: "0.50 – 0.55", all: 4, kept: 3 },
  ]);
});

test("samples are grouped by what dropped them", () => {
  const sample = (id: string, step: string, reason: string) => ({
    ...{ id, step, reason, language: "ja", characters: 1, text: "鉄" },
  });
  const groups = sampleGroups([sample("a", "", ""), sample("b", "rules", "x"), sample("c", "rules", "x")]);
  expect(groups.map(({ step, reason, samples }) => [step, reason, samples.length])).toEqual([
    ["", "", 1],
    ["rules", "x", 2],
  ]);
});

test("of a pair the sentences are marked that the other has not, but not where one was cut off", () => {
  const own = (text: string, other: string) =>
    passagesOf(text, other)
      .filter((passage) => passage.own)
      .map((passage) => passage.text);
  expect(own("鉄を打つ。火を見る。水に入れる。", "水に入れる。鉄を打つ。")).toEqual(["火を見る。"]);
  expect(own("One.\nTwo is cut of", "One.\nTwo is cut off here.")).toEqual([]);
  expect(
    passagesOf("鉄を打つ。\n\n終", "")
      .map(({ text }) => text)
      .join(""),
  ).toBe("鉄を打つ。\n\n終");
});
