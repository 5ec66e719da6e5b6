import { expect, test } from "vitest";
import { batchKinds } from "../kinds/index.ts";
import { admitted, corpusInput, inputsOf, modelInputOf } from "../testing/example-kinds.ts";
import { changed } from "../testing/samples.ts";

const inputs = inputsOf(modelInputOf({ parameters: 1_000_000, contextLength: 128 }), corpusInput());

test("every kind that foresees its memory refuses pods that are too small", () => {
  const refusals = batchKinds.flatMap((kind) => {
    const name = kind.definition.resource.kind;
    const spec = admitted(kind, changed(name, { "compute.resources.memory": "1Mi" }));
    const expected = kind.plan(spec, inputs).memoryPerRankBytes;
    return expected === undefined ? [] : [[name, kind.refuse(spec, inputs)?.reason]];
  });
  expect(Object.fromEntries(refusals)).toEqual({
    PretrainRun: "InsufficientMemory",
    ContextExtension: "InsufficientMemory",
    AlignmentRun: "InsufficientMemory",
    Evaluation: "InsufficientMemory",
  });
});
