import { describe, expect, test } from "vitest";
import type { Artifact } from "../../api/artifact.ts";
import type { TanrenObject } from "../../api/kinds.ts";
import { isImported, type Lineage, type LineageTree, lineageOf, lineageTree, newest } from "./lineage.ts";

type Parent = Artifact["parents"][number];

const artifact = (digest: string, parents: Parent[] = [], stage = "train"): Artifact => ({
  type: "model",
  stage,
  claimName: "claim",
  path: "run",
  digest,
  sizeBytes: 7,
  parents,
});

const from = (digest: string, reference?: string): Parent => ({
  name: reference?.startsWith("Corpus") ? "corpus" : "model",
  digest,
  reference,
});

const object = (
  kind: string,
  name: string,
  made: Artifact | undefined,
  stages: Artifact[] = [],
): TanrenObject<unknown, Status> => ({
  apiVersion: "tanren.dev/v1alpha1",
  kind,
  metadata: {
    name,
    namespace: "lab",
    uid: name,
    resourceVersion: "1",
    creationTimestamp: "2026-01-01T00:00:00Z",
  },
  spec: {},
  status: { artifact: made, stages: stages.map((stage) => ({ name: stage.stage, artifact: stage })) },
});
interface Status {
  artifact?: Artifact;
  stages: { name: string; artifact: Artifact }[];
}

const corpus = object(
  "Corpus",
  "web",
  artifact("sha256:c", [{ name: "source/crawl", digest: "sha256:crawl" }], "tokenize"),
);
const base = object("PretrainRun", "base", artifact("sha256:b", [from("sha256:c", "Corpus/web")]));
const tuned = artifact("sha256:chat", [from("sha256:b", "PretrainRun/base")], "chat");
const aligned = artifact(
  "sha256:dpo",
  [from("sha256:b", "PretrainRun/base"), { name: "chat", digest: "sha256:chat" }],
  "dpo",
);
const chain = [corpus, base, object("AlignmentRun", "assistant", aligned, [tuned, aligned])];

const outline = ({ node, role, parents }: LineageTree): unknown => [
  role ?? "root",
  node.digest,
  ...parents.map(outline),
];

describe("lineage", () => {
  const lineage = lineageOf(chain);

  test("every artifact of every stage is a node, with who made it", () => {
    expect(lineage.get("sha256:chat")).toEqual({
      digest: "sha256:chat",
      type: "model",
      sizeBytes: 7,
      makers: [{ kind: "AlignmentRun", namespace: "lab", name: "assistant", stage: "chat" }],
      parents: [{ role: "model", digest: "sha256:b" }],
    });
    expect([...lineage.keys()].toSorted()).toEqual([
      "sha256:b",
      "sha256:c",
      "sha256:chat",
      "sha256:crawl",
      "sha256:dpo",
    ]);
  });

  test("a parent that no object has is imported", () => {
    const imported = [...lineage.values()].filter(isImported).map((node) => node.digest);
    expect(imported).toEqual(["sha256:crawl"]);
  });

  test("the tree leads from the newest artifact to what people brought; what stands in it twice is unfolded once", () => {
    expect(newest(lineage).map((node) => node.digest)).toEqual(["sha256:dpo"]);
    const tree = lineageTree(lineage, "sha256:dpo");
    expect(tree && outline(tree)).toEqual([
      "root",
      "sha256:dpo",
      ["model", "sha256:b", ["corpus", "sha256:c", ["source/crawl", "sha256:crawl"]]],
      ["chat", "sha256:chat", ["model", "sha256:b"]],
    ]);
    expect(tree?.parents[1]?.parents[0]?.repeated).toBe(true);
    expect(lineageTree(lineage, "sha256:none")).toBeUndefined();
  });

  test("equal content made twice is one node with two makers", () => {
    const twin = object("PretrainRun", "twin", artifact("sha256:b", [from("sha256:c", "Corpus/web")]));
    const node = lineageOf([...chain, twin]).get("sha256:b");
    expect(node?.makers.map((maker) => maker.name)).toEqual(["base", "twin"]);
    expect(node?.parents).toEqual([{ role: "corpus", digest: "sha256:c" }]);
  });

  test("objects that have made nothing yet add nothing", () => {
    expect(lineageOf([object("Corpus", "new", undefined)]).size).toBe(0);
  });

  test("digests that were tampered into a circle end the tree", () => {
    const odd = [
      object("PretrainRun", "x", artifact("sha256:x", [from("sha256:y")])),
      object("PretrainRun", "y", artifact("sha256:y", [from("sha256:x")])),
    ];
    const tree = lineageTree(lineageOf(odd), "sha256:x");
    expect(tree && outline(tree)).toEqual(["root", "sha256:x", ["model", "sha256:y", ["model", "sha256:x"]]]);
  });
});

describe("stale", () => {
  /** Every edge to a parent that was replaced since. */
  const staleEdges = (lineage: Lineage) =>
    [...lineage.values()].flatMap((child) =>
      child.parents.flatMap(({ role, digest, stale }) =>
        stale === undefined ? [] : [[child.digest, role, digest, stale]],
      ),
    );

  test("a child whose parent's object has another artifact now", () => {
    const again = object("Corpus", "web", artifact("sha256:c2", [], "tokenize"));
    expect(staleEdges(lineageOf([again, base]))).toEqual([["sha256:b", "corpus", "sha256:c", "sha256:c2"]]);
  });

  test("nothing is stale in a chain that was made in order, nor when the parent's object is gone", () => {
    expect(staleEdges(lineageOf(chain))).toEqual([]);
    expect(staleEdges(lineageOf([base]))).toEqual([]);
  });

  test("a namesake in another namespace is another object", () => {
    const elsewhere = object("Corpus", "web", artifact("sha256:c2"));
    elsewhere.metadata.namespace = "other";
    expect(staleEdges(lineageOf([elsewhere, base]))).toEqual([]);
  });
});
