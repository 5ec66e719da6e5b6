import { expect, test } from "vitest";
import { anObject } from "../../testing/cli-objects.ts";
import { makersOf, treeOf, treesOf } from "../lineage/tree.ts";
import { widthOf } from "../terminal/width.ts";
import { treeLines } from "./tree.ts";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const claim = (path: string) => ({ claimName: "files", path });
const training = { learningRate: "1e-3", globalBatchSize: 4, sequenceLength: 64 };

const artifact = (letter: string, stage: string, from: Record<string, string> = {}) => ({
  type: "model" as const,
  stage,
  claimName: "models",
  path: stage,
  digest: digest(letter),
  sizeBytes: 2048,
  parents: Object.entries(from).map(([reference, parent]) => ({
    name: "model",
    digest: digest(parent),
    reference,
  })),
});

const specs = {
  corpus: {
    sources: [
      {
        name: "web",
        language: "ja",
        licence: "CC-BY-4.0",
        format: "warc",
        from: claim("crawl"),
        include: ["*.gz"],
      },
    ],
    mixture: { ratios: [{ language: "ja", percent: 100 }] },
    tokenizer: { train: { vocabularySize: 400 } },
  },
  pretrain: {
    corpus: { name: "web" },
    model: { preset: "llama-tiny" },
    sequenceLength: 64,
    training: { tokens: 4096, globalBatchTokens: 512, learningRate: "1e-3" },
  },
  align: {
    model: { pretrainRun: { name: "base" } },
    chat: { datasets: [{ name: "talks", ...claim("talks.jsonl") }], training },
    preferences: { generate: { prompts: claim("prompts.jsonl") } },
    dpo: { training },
  },
  exam: {
    model: { alignmentRun: { name: "chat" } },
    suites: [{ name: "reading", task: "jsquad", data: claim("jsquad.json"), shots: 2 }],
    thresholds: [{ suite: "reading", metric: "exact_match", atLeast: "0.5" }],
  },
  serve: { model: { alignmentRun: { name: "chat" } }, requires: [{ name: "exam" }, { name: "absent" }] },
};

const made = {
  web: { artifact: { ...artifact("a", "tokenize"), type: "corpus" as const } },
  base: { artifact: artifact("b", "train", { "Corpus/web": "a" }) },
  chat: { artifact: artifact("c", "dpo", { "PretrainRun/base": "b" }) },
  exam: {
    passed: true,
    modelDigest: digest("c"),
    artifact: artifact("e", "evaluate", { "AlignmentRun/chat": "c" }),
  },
};

type Made = Partial<Record<keyof typeof made | "endpoint", object>>;

const objects = (status: Made) => [
  anObject("Corpus", "web", { spec: specs.corpus, status: status.web }),
  anObject("PretrainRun", "base", { spec: specs.pretrain, status: status.base }),
  anObject("AlignmentRun", "chat", { spec: specs.align, status: status.chat }),
  anObject("Evaluation", "exam", { spec: specs.exam, status: status.exam }),
  anObject("InferenceDeployment", "endpoint", { spec: specs.serve, status: status.endpoint }),
];

const lines = (status: Made, columns = Number.POSITIVE_INFINITY) =>
  treesOf(objects(status), (of) =>
    of === digest("a") ? [{ name: "source/web", digest: digest("d") }] : undefined,
  ).flatMap((tree) => treeLines(tree, columns));

test("a deployment stands at the top, above its model, its gates and all that people brought", () => {
  expect(lines({ ...made, endpoint: { served: made.chat.artifact } })).toEqual([
    "InferenceDeployment/endpoint; serves sha256:cccccccccccc",
    "├─ model: AlignmentRun/chat; dpo sha256:cccccccccccc; 2.00 KiB",
    "│  ├─ model: PretrainRun/base; train sha256:bbbbbbbbbbbb; 2.00 KiB",
    "│  │  └─ corpus: Corpus/web; tokenize sha256:aaaaaaaaaaaa; 2.00 KiB",
    "│  │     └─ source web: warc; ja; licence CC-BY-4.0; claim files, crawl (*.gz); sha256:dddddddddddd",
    "│  ├─ conversations talks: claim files, talks.jsonl",
    "│  ├─ prompts: claim files, prompts.jsonl",
    expect.stringMatching(/^│ {2}└─ judge: rules: minCharacters 1, maxCharacters 2000, /),
    "├─ gate: Evaluation/exam; passed; evaluate sha256:eeeeeeeeeeee; 2.00 KiB",
    "│  ├─ model: AlignmentRun/chat; dpo sha256:cccccccccccc; 2.00 KiB; (shown above)",
    "│  └─ benchmark reading: jsquad; claim files, jsquad.json",
    "└─ gate: Evaluation/absent; MISSING; is not there",
  ]);
});

test("before anything has run the same tree stands, with what is not made yet", () => {
  const shown = lines({}).join("\n");
  expect(shown).toMatch(/^InferenceDeployment\/endpoint; serves nothing yet\n/);
  expect(shown).toContain("corpus: Corpus/web; has made no artifact yet\n");
  expect(shown).toContain("gate: Evaluation/exam; not passed yet; has made no artifact yet\n");
  expect(shown).toContain("licence CC-BY-4.0");
});

test.each([
  [{ passed: false, modelDigest: digest("c") }, "gate: Evaluation/exam; FAILED"],
  [{ passed: true, modelDigest: digest("9") }, "gate: Evaluation/exam; NOT PASSED for this model artifact"],
])("a gate that is closed: %j", (exam, text) => {
  expect(lines({ ...made, exam }).join("\n")).toContain(text);
});

test("an input that was made again since is told, and one that is gone by the digest that was used", () => {
  const again = { ...made, web: { artifact: artifact("f", "tokenize") } };
  expect(lines(again).join("\n")).toContain("replaced since: sha256:aaaaaaaaaaaa was used");
  const [, base] = objects(made);
  const tree = base && treeOf(base, [base], () => undefined);
  expect(tree && treeLines(tree, 80)).toContain(
    "└─ corpus: Corpus/web; is gone; its artifact was sha256:aaaaaaaaaaaa",
  );
});

test("an artifact is found by the beginning of its digest", () => {
  expect(makersOf(objects(made), "sha256:bbb").map(({ metadata }) => metadata.name)).toEqual(["base"]);
  expect(makersOf(objects(made), "sha256:77")).toEqual([]);
});

test("no line is wider than the terminal, and nothing is cut", () => {
  const narrow = lines(made, 80);
  expect(Math.max(...narrow.map(widthOf))).toBeLessThanOrEqual(80);
  const words = (text: readonly string[]) => text.join(" ").replaceAll(/[│├└─\s]+/g, " ");
  expect(words(narrow)).toBe(words(lines(made)));
});

test("references in a circle end the tree", () => {
  const spec = (name: string) => ({ ...specs.align, model: { alignmentRun: { name } } });
  const hen = anObject("AlignmentRun", "hen", { spec: spec("egg") });
  const egg = anObject("AlignmentRun", "egg", { spec: spec("hen") });
  const shown = treesOf([hen, egg], () => undefined).flatMap((tree) => treeLines(tree, 80));
  expect(shown[0]).toContain("AlignmentRun/hen");
  expect(shown.filter((line) => line.includes("(shown above)"))).toHaveLength(1);
});
