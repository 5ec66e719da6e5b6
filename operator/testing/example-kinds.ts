import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { admit } from "../api/admission.ts";
import type { Artifact, ResolvedInput } from "../api/artifact.ts";
import type { BatchKind } from "../kinds/batch-kind.ts";
import type { PlannedObject } from "../planning/planned-kinds.ts";

/** For tests: admitted specs, artifacts and the manifests of examples/. */

export const digestOf = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;

/** The spec as the API server stores it: defaults filled in, refused where it is invalid. */
export function admitted<Spec>(kind: BatchKind<Spec>, spec: unknown): Spec {
  return admit(kind.definition, { metadata: { name: "sample", namespace: "default" }, spec }) as Spec;
}

export function sampleArtifact(figures: Partial<Artifact> & Pick<Artifact, "type">): Artifact {
  return {
    stage: "train",
    claimName: "claim",
    path: "pretrainruns/base-12345678/train",
    digest: digestOf(figures.type),
    sizeBytes: 1024,
    parents: [],
    tokenizerDigest: digestOf("tokenizer"),
    ...figures,
  };
}

export const corpusInput = (figures: Partial<Artifact> = {}): ResolvedInput => ({
  role: "corpus",
  kind: "Corpus",
  name: "corpus",
  artifact: sampleArtifact({ type: "corpus", vocabularySize: 32_000, ...figures }),
});

export const modelInputOf = (figures: Partial<Artifact> = {}): ResolvedInput => ({
  role: "model",
  kind: "PretrainRun",
  name: "base",
  artifact: sampleArtifact({
    type: "model",
    vocabularySize: 32_000,
    parameters: 13_015_864_320,
    contextLength: 2048,
    ...figures,
  }),
});

export const inputsOf = (...inputs: ResolvedInput[]): Map<string, ResolvedInput> =>
  new Map(inputs.map((input) => [input.role, input]));

const ManifestHead = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.unknown(),
});

/** Objects of a folder of examples/, file by file. */
export function exampleObjects(folder: string): PlannedObject[] {
  const root = new URL(`../../examples/${folder}/`, import.meta.url);
  const files = readdirSync(root).filter((file) => file.endsWith(".yaml"));
  return files
    .toSorted()
    .flatMap((file) => parseAllDocuments(readFileSync(new URL(file, root), "utf8")))
    .map((document) => ManifestHead.parse(document.toJS()));
}

export const exampleFolders = (): string[] =>
  readdirSync(new URL("../../examples/", import.meta.url), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
