import { expect, test } from "vitest";
import { admit } from "./admission.ts";
import { inferenceDeployment, type KindDefinition, kinds, pretrainRun } from "./kinds.ts";

const refusalOf = (kind: KindDefinition, spec: object): string => {
  try {
    admit(kind, { metadata: { name: "a", namespace: "default" }, spec });
    return "";
  } catch (error) {
    return String(error);
  }
};

test.each([
  ["trainning", "training"],
  ["context_length", "contextLength"],
  ["sequenceLenght", "sequenceLength"],
  ["SequenceLength", "sequenceLength"],
])("%s: did you mean %s", (written, meant) => {
  const kind = meant === "contextLength" ? inferenceDeployment : pretrainRun;
  expect(refusalOf(kind as KindDefinition, { [written]: 1 })).toContain(
    `spec.${written}: unknown field; did you mean ${meant}?`,
  );
});

test("what stands deeper is compared with the fields of its own place, in lists too", () => {
  const corpus = kinds[0] as KindDefinition;
  expect(refusalOf(corpus, { sources: [{ licens: "CC0" }] })).toContain(
    "spec.sources[0].licens: unknown field; did you mean licence?",
  );
  expect(refusalOf(pretrainRun as KindDefinition, { compute: { resources: { memmory: "1Gi" } } })).toContain(
    "spec.compute.resources.memmory: unknown field; did you mean memory?",
  );
});

test("a word that means something else gets no guess", () => {
  expect(refusalOf(pretrainRun as KindDefinition, { colour: "red" })).toContain(
    "spec.colour: unknown field; see docs/reference.md",
  );
});
