import { expect, test } from "vitest";
import { anObject } from "../../testing/cli-objects.ts";
import { lineageOf, lineageTree, newest } from "../lineage/lineage.ts";
import { treeLines } from "./tree.ts";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

const artifact = (letter: string, stage: string, parents: { name: string; digest: string }[]) => ({
  type: "model" as const,
  stage,
  claimName: "models",
  path: stage,
  digest: digest(letter),
  sizeBytes: 2048,
  parents,
});

test("an artifact stands above what it was made from, each branch drawn to its end", () => {
  const objects = [
    anObject("Corpus", "web", { status: { artifact: artifact("a", "tokenize", []) } }),
    anObject("PretrainRun", "base", {
      status: { artifact: artifact("b", "train", [{ name: "corpus", digest: digest("a") }]) },
    }),
    anObject("AlignmentRun", "chat", {
      status: {
        artifact: artifact("c", "dpo", [
          { name: "model", digest: digest("b") },
          { name: "dataset", digest: digest("d") },
        ]),
      },
    }),
  ];
  const lineage = lineageOf(objects);
  const [end] = newest(lineage);
  const tree = lineageTree(lineage, end?.digest ?? "");
  expect(tree && treeLines(tree)).toEqual([
    "AlignmentRun/chat dpo  sha256:cccccccccccc  2.00 KiB",
    "├─ model:  PretrainRun/base train  sha256:bbbbbbbbbbbb  2.00 KiB",
    "│  └─ corpus:  Corpus/web tokenize  sha256:aaaaaaaaaaaa  2.00 KiB",
    "└─ dataset:  imported  sha256:dddddddddddd",
  ]);
});
