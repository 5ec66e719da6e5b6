// @vitest-environment node
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { kinds as definitions } from "../../../operator/api/kinds.ts";
import { reasons } from "../../../operator/api/reasons.ts";
import { phaseOf as phaseOfCommand } from "../../../operator/cli/watch/phase.ts";
import { plannedKinds } from "../../../operator/planning/planned-kinds.ts";
import { anObject } from "../../../operator/testing/cli-objects.ts";
import { chainsOf } from "./chains.ts";
import { matches } from "./filter.ts";
import { type AnyObject, kindNames, kinds } from "./objects.ts";
import { phaseOf } from "./phase.ts";
import { isOutdated, referencesOf } from "./references.ts";
import { acceleratorHours } from "./usage.ts";

const examples = fileURLToPath(new URL("../../../examples/", import.meta.url));

const artifact = (digest: string, parents: { name: string; digest: string; reference?: string }[] = []) => ({
  type: "model" as const,
  stage: "train",
  claimName: "c",
  path: "p",
  digest,
  sizeBytes: 1,
  parents,
});

describe("what the page says again without the schemas is what the operator says", () => {
  test("kinds", () => {
    expect(kindNames.map((kind) => [kind, kinds[kind].plural])).toEqual(
      definitions.map(({ resource }) => [resource.kind, resource.plural]),
    );
  });

  test.each([...Object.keys(reasons), "OfANewerOperator"])("the phase of %s", (reason) => {
    for (const status of ["True", "False", "Unknown"] as const)
      for (const kind of ["PretrainRun", "InferenceDeployment"])
        for (const more of [{}, { completionTime: "2026-01-01T00:00:00Z" }, { passed: false }]) {
          const object = anObject(kind, "one", { status: more, root: [status, reason] });
          expect(phaseOf(object)).toBe(phaseOfCommand(object));
        }
  });

  const documents = ["quickstart", "programme-a", "programme-b"].flatMap((folder) =>
    readdirSync(examples + folder)
      .filter((file) => file.endsWith(".yaml"))
      .flatMap((file) => parseAllDocuments(readFileSync(`${examples}${folder}/${file}`, "utf8")))
      .map((document) => document.toJS() as { kind: string; metadata: { name: string }; spec: unknown })
      .filter((object) => plannedKinds.has(object?.kind))
      .map((object) => [`${folder} ${object.kind} ${object.metadata.name}`, object] as const),
  );
  test.each(documents)("references of %s", (_, { kind, metadata, spec }) => {
    const planned = plannedKinds.get(kind);
    const parsed = definitions.find(({ resource }) => resource.kind === kind)?.spec.parse(spec);
    const named = (one: { kind: string; name: string }) => `${one.kind}/${one.name}`;
    const expected = [
      ...(planned?.references(parsed) ?? []).map(named),
      ...(planned?.gates?.(parsed) ?? []).map((name) => `Evaluation/${name}`),
    ];
    const object = anObject(kind, metadata.name, { spec: spec as Record<string, unknown> });
    expect(referencesOf(object).map(named).toSorted()).toEqual(expected.toSorted());
  });
});

describe("chains", () => {
  const corpus = anObject("Corpus", "texts", { root: ["True", "Completed"] });
  const base = anObject("PretrainRun", "base", {
    spec: { corpus: { name: "texts" } },
    root: ["Unknown", "Running"],
  });
  const lone = anObject("PretrainRun", "lone", {
    spec: { corpus: { name: "gone" } },
    root: ["False", "InvalidData"],
  });

  test("what refers to each other is one chain, each right of what it is made from; what failed is first", () => {
    const chains = chainsOf([base, corpus, lone]);
    expect(chains.map(({ nodes }) => nodes.map(({ key, column }) => `${key} ${column}`))).toEqual([
      ["Corpus/default/gone 0", "PretrainRun/default/lone 1"],
      ["Corpus/default/texts 0", "PretrainRun/default/base 1"],
    ]);
    expect(chains[0]?.nodes[0]?.object).toBeUndefined();
  });

  test("references in a circle end, and every object is placed once", () => {
    const circle = (name: string, other: string) =>
      anObject("ContextExtension", name, { spec: { model: { contextExtension: { name: other } } } });
    const [chain] = chainsOf([circle("a", "b"), circle("b", "a")]);
    expect(chain?.nodes.map(({ key }) => key).toSorted()).toEqual([
      "ContextExtension/default/a",
      "ContextExtension/default/b",
    ]);
  });

  test("no two boxes lie on each other", () => {
    const readers = Array.from({ length: 5 }, (_, index) =>
      anObject("PretrainRun", `run-${index}`, { spec: { corpus: { name: "texts" } } }),
    );
    const [chain] = chainsOf([corpus, ...readers]);
    const places = chain?.nodes.map(({ column, row }) => `${column} ${row}`) ?? [];
    expect(new Set(places).size).toBe(6);
  });

  test("what was made from an artifact that its parent has no longer is outdated", () => {
    const parent = (digest: string): AnyObject => ({ ...corpus, status: { artifact: artifact(digest) } });
    const child: AnyObject = {
      ...base,
      status: {
        artifact: artifact("sha256:b", [{ name: "corpus", digest: "sha256:a", reference: "Corpus/texts" }]),
      },
    };
    expect(isOutdated(child, parent("sha256:a"))).toBe(false);
    expect(isOutdated(child, parent("sha256:new"))).toBe(true);
    expect(isOutdated(child, corpus)).toBeUndefined();
  });

  test("what is served is outdated beside a gate that looked at another model", () => {
    const gate = (modelDigest?: string): AnyObject =>
      anObject("Evaluation", "gate", { status: { modelDigest, artifact: artifact("sha256:scores") } });
    const served = anObject("InferenceDeployment", "chat", { status: { served: artifact("sha256:m") } });
    expect(isOutdated(served, gate("sha256:m"))).toBe(false);
    expect(isOutdated(served, gate("sha256:before"))).toBe(true);
    expect(isOutdated(served, gate())).toBeUndefined();
  });
});

test("a filter means every one of its words: names, reasons, labels, beginnings of digests", () => {
  const object: AnyObject = anObject("PretrainRun", "base", {
    status: { artifact: artifact("sha256:0123456789") },
    root: ["False", "OutOfMemory"],
  });
  object.metadata.labels = { team: "nlp" };
  expect(
    ["base", "pretrain outofmemory", "team=nlp", "012345", "sha256:0123", ""].map((one) =>
      matches(object, one),
    ),
  ).toEqual([true, true, true, true, true, true]);
  expect(["base done", "team=web", "0123456789a"].map((one) => matches(object, one))).toEqual([
    false,
    false,
    false,
  ]);
});

test("GPU-hours count every attempt's time on all nodes", () => {
  const attempt = { stage: "train", number: 1, jobName: "j", startTime: "2026-01-01T00:00:00Z" };
  const object = anObject("PretrainRun", "base", {
    spec: { compute: { nodes: 4, gpusPerNode: 8 } },
    status: { attempts: [{ ...attempt, endTime: "2026-01-01T00:30:00Z" }, attempt] },
  });
  expect(acceleratorHours(object, Date.parse("2026-01-01T01:00:00Z"))).toEqual({ hours: 48, gpu: true });
});
