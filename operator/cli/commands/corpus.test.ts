import { describe, expect, test } from "vitest";
import { choose, type Sample } from "./corpus.ts";

const sample = (id: string, step: string, reason: string, language = "ja"): Sample => ({
  ...{ id, step, reason, language, characters: 3, text: "鉄。" },
});
const samples = [
  sample("kept", "", ""),
  sample("kept en", "", "", "en"),
  sample("short", "rules", "too_short"),
  sample("symbols", "rules", "too_many_symbols"),
  sample("dirty", "learned", "classified_dirty", "en"),
];
const ids = (options: object) => choose(samples, { number: 5, ...options }).map(({ id }) => id);

describe("a sample", () => {
  test("is of what stayed, or of what a stage or a reason dropped", () => {
    expect(ids({})).toEqual(["kept", "kept en"]);
    expect(ids({ droppedBy: "too_short" })).toEqual(["short"]);
    expect(ids({ droppedBy: "rules" })).toEqual(["short", "symbols"]);
    expect(ids({ droppedBy: "rules", number: 1 })).toEqual(["short"]);
    expect(ids({ language: "en" })).toEqual(["kept en"]);
  });

  test("says what dropped documents where a rule dropped none", () => {
    expect(() => ids({ droppedBy: "too_long" })).toThrow(
      "no document was dropped by too_long; documents were dropped by: too_short (rules), too_many_symbols (rules), classified_dirty (learned)",
    );
    expect(() => ids({ droppedBy: "learned", language: "ja" })).toThrow(
      "no document in ja was dropped by learned",
    );
    expect(() => choose([sample("a", "rules", "x")], { number: 1 })).toThrow("no document stayed");
  });
});
