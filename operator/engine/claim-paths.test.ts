import { expect, test } from "vitest";
import { inWordsOfClaims } from "./claim-paths.ts";

const mounts = {
  inputs: [
    { name: "talks-0", claimName: "files", path: "chat/talks.jsonl" },
    { name: "talks", claimName: "files", path: "." },
    { name: "model", claimName: "models", path: "base/train" },
  ],
  output: { claimName: "runs", directory: "pretrainruns/base-1" },
};

test.each([
  [
    "inputs/talks-0:13: prompt is missing; add it.",
    "claim files, chat/talks.jsonl:13: prompt is missing; add it.",
  ],
  ["inputs/talks does not exist; check it.", "claim files does not exist; check it."],
  ["inputs/talks/ja/a.jsonl:2 is no JSON.", "claim files, ja/a.jsonl:2 is no JSON."],
  [
    "/tanren/inputs/model/config.json is missing; restore it.",
    "claim models, base/train/config.json is missing; restore it.",
  ],
  ["the model is in output/train.", "the model is in claim runs, pretrainruns/base-1/train."],
  ["inputs/model holds sha256:1, not sha256:2", "claim models, base/train holds sha256:1, not sha256:2"],
])("%s", (said, shown) => {
  expect(inWordsOfClaims(said, mounts)).toBe(shown);
});

test("what is no path of the program stays as it is", () => {
  const sentence = "the output differs; see my/inputs/talks, inputs/other/a and https://a/output/b";
  expect(inWordsOfClaims(sentence, mounts)).toBe(sentence);
});
