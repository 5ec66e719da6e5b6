import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { type DataFormat, formats, recordProblem } from "./data-formats.ts";
import { importedModel } from "./imported-model.ts";

/** The kernels' tests/test_data_formats.py gives the same records to the programs' own readers. */
const Case = z.object({
  format: z.enum(Object.keys(formats) as [DataFormat, ...DataFormat[]]),
  title: z.string(),
  record: z.string(),
  accepted: z.boolean(),
});
const cases = z
  .array(Case)
  .parse(JSON.parse(readFileSync(new URL("data-formats.cases.json", import.meta.url), "utf8")));

function problemOf({ format, record }: z.output<typeof Case>): string | undefined {
  if (format !== "model") return recordProblem(format, record);
  const model = importedModel({ claimName: "models", path: "base" }, record);
  return "problem" in model ? model.problem : undefined;
}

test.each(cases)("$format: $title", (given) => {
  const problem = problemOf(given);
  if (given.accepted) expect(problem).toBeUndefined();
  else expect(problem).toMatch(/^\S.*; \S/);
});

test("every format whose records are looked at has one that is accepted and one that is not", () => {
  const looked = Object.entries(formats).filter(([name, { record }]) => record || name === "model");
  const seen = (accepted: boolean) =>
    new Set(cases.filter((one) => one.accepted === accepted).map(({ format }) => format));
  for (const [name] of looked) {
    expect(seen(true)).toContain(name);
    expect(seen(false)).toContain(name);
  }
});

test.each([
  ["conversations.jsonl", "conversations"],
  ["prompts.jsonl", "prompts"],
  ["clean.jsonl", "examples"],
  ["dirty.jsonl", "examples"],
  ["jcommonsenseqa.jsonl", "jcommonsenseqa"],
  ["jsquad.json", "jsquad"],
] as const)("%s of the quickstart is accepted, every record of it", (name, format) => {
  const text = readFileSync(new URL(`../../examples/quickstart/data/${name}`, import.meta.url), "utf8");
  const records = formats[format].whole ? [text] : text.split("\n").filter(Boolean);
  expect(records.flatMap((record) => recordProblem(format, record) ?? [])).toEqual([]);
});

test("the sentence names the field and how to mend it", () => {
  const line = JSON.stringify({ messages: [{ role: "human", content: "犬は？" }] });
  expect(recordProblem("conversations", line)).toBe(
    "messages[0].role must be one of system, user, assistant; give a JSON object with `messages` ([{role, content}, ...]) on each line",
  );
});

test("an imported model is known by its config.json", () => {
  const config = cases.find(({ format, accepted }) => format === "model" && accepted)?.record ?? "";
  expect(importedModel({ claimName: "models", path: "base" }, config)).toMatchObject({
    name: "models/base",
    // 300 x 32 twice; 2 blocks of 2 x 32^2 + 2 x 32 x 16 + 3 x 32 x 64 + 2 x 32; one norm.
    artifact: { contextLength: 256, vocabularySize: 300, parameters: 19_200 + 2 * 9_280 + 32 },
  });
});
