import { expect, test } from "vitest";
import { anObject } from "../../testing/cli-objects.ts";
import { changed, samples } from "../../testing/samples.ts";
import { ancestorsOf, descendantsOf } from "./relatives.ts";

const corpus = anObject("Corpus", "c", { spec: samples.Corpus });
const base = anObject("PretrainRun", "p", { spec: samples.PretrainRun });
const longer = anObject("ContextExtension", "longer", { spec: samples.ContextExtension });
const chat = anObject("AlignmentRun", "a", { spec: samples.AlignmentRun });
const score = anObject("Evaluation", "score", { spec: samples.Evaluation });
const endpoint = anObject("InferenceDeployment", "assistant", {
  spec: changed("InferenceDeployment", { requires: [{ name: "score" }] }),
});
const unrelated = anObject("Corpus", "unrelated", { spec: samples.Corpus });
const all = [corpus, base, longer, chat, score, endpoint, unrelated];

test("an endpoint is made from everything up to the corpus, its gate too", () => {
  expect(new Set(ancestorsOf(endpoint, all))).toEqual(new Set([score, chat, base, corpus]));
  expect(ancestorsOf(corpus, all)).toEqual([]);
});

test("a base model is in what was made from it, however far", () => {
  expect(descendantsOf(base, all)).toEqual([longer, chat, score, endpoint]);
  expect(descendantsOf(endpoint, all)).toEqual([]);
});
