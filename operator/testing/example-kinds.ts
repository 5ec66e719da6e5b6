import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { admit } from "../api/admission.ts";
import type { Artifact, ResolvedInput } from "../api/artifact.ts";
import { stagePrograms } from "../contract/index.ts";
import type { BatchKind, Stage } from "../kinds/batch-kind.ts";
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

/** For tests: holds the configuration of a stage against the contract of its program, as the kernel will. */

export function contractIssues(stage: Stage, done: ReadonlyMap<string, Artifact>): string[] {
  const run = { kind: "Corpus", namespace: "default", name: "a", uid: "1", stage: stage.name, attempt: 1 };
  const whole = { ...stage.config(done), run, output: `output/${stage.name}`, threads: 1 };
  // Through JSON, as the program reads it: a field that is undefined is not there.
  const parsed = stagePrograms[stage.program].safeParse(JSON.parse(JSON.stringify(whole)));
  const issues = parsed.success ? [] : parsed.error.issues;
  return [
    ...issues.map((issue) => `${stage.name}: ${issue.path.join(".")}: ${issue.message}`),
    ...unmounted(stage, whole),
  ];
}

/** Every path below inputs/ must be mounted, and every mount be read. */
function unmounted(stage: Stage, config: unknown): string[] {
  const named = new Set(JSON.stringify(config).match(/(?<="inputs\/)[^"]+/g));
  const mounted = new Set(stage.mounts.map((mount) => mount.name));
  return [
    ...[...named.difference(mounted)].map((name) => `${stage.name}: inputs/${name} is not mounted`),
    ...[...mounted.difference(named)].map((name) => `${stage.name}: mount ${name} is not read`),
  ];
}
