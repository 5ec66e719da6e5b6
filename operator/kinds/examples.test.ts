import { describe, expect, test } from "vitest";
import {
  admitted,
  contractIssues,
  exampleFolders,
  exampleObjects,
  sampleArtifact,
} from "../testing/example-kinds.ts";
import { batchKinds } from "./index.ts";

/** Every manifest of examples/ gives configurations that the kernels accept. */
describe.each(exampleFolders())("examples/%s", (folder) => {
  const objects = exampleObjects(folder);
  const runs = objects.flatMap((object) => {
    const kind = batchKinds.find(({ definition }) => definition.resource.kind === object.kind);
    return kind ? [{ kind, object, title: `${object.kind} ${object.metadata.name}` }] : [];
  });

  test("holds a run of every batch kind but the extension, which programme B has no need of", () => {
    const kinds = new Set(runs.map(({ object }) => object.kind));
    expect([...kinds].toSorted()).toEqual(
      ["AlignmentRun", "ContextExtension", "Corpus", "Evaluation", "PretrainRun"].filter(
        (kind) => kind !== "ContextExtension" || folder !== "programme-b",
      ),
    );
  });

  test.each(runs)("$title", ({ kind, object }) => {
    const spec = admitted(kind, object.spec);
    const inputs = new Map(
      kind.references(spec).map((reference) => {
        const type = reference.kind === "Corpus" ? ("corpus" as const) : ("model" as const);
        return [
          reference.role,
          { ...reference, artifact: sampleArtifact({ type, contextLength: 128 }) },
        ] as const;
      }),
    );
    const stages = kind.stages(spec, inputs);
    const done = new Map<string, ReturnType<typeof sampleArtifact>>();
    for (const stage of stages) {
      expect(contractIssues(stage, done)).toEqual([]);
      if (stage.artifact) done.set(stage.name, sampleArtifact({ type: "model", stage: stage.name }));
    }
    expect(done.size).toBeGreaterThan(0);
  });
});
