import { posix } from "node:path";
import type { Artifact, Inputs } from "../api/artifact.ts";
import type { KernelResult, Stage } from "../kinds/batch-kind.ts";
import type { RunStorage } from "./claim.ts";

/** What a program says it made, as status has it: where it lies on its claim and what it came from. */

type Parent = Artifact["parents"][number];

/** Undefined when the result names no artifact, or one outside the run's own directory. */
export function artifactOf(
  stage: Stage,
  result: KernelResult,
  storage: RunStorage,
  inputs: Inputs,
  earlier: ReadonlyMap<string, Artifact>,
): Artifact | undefined {
  const made = result.artifact;
  if (made === undefined) return undefined;
  const below = posix.relative("output", posix.normalize(made.path));
  if (below === ".." || below.startsWith("../")) return undefined;
  return {
    type: made.type,
    stage: stage.name,
    claimName: storage.claimName,
    path: posix.join(storage.directory, below),
    digest: made.digest,
    sizeBytes: made.size_bytes,
    parents: [...mountedParents(stage, inputs), ...stageParents(earlier)],
    ...(made.tokenizer_digest !== undefined && { tokenizerDigest: made.tokenizer_digest }),
    ...(made.vocabulary_size !== undefined && { vocabularySize: made.vocabulary_size }),
    ...(made.context_length !== undefined && { contextLength: made.context_length }),
    ...(made.parameters !== undefined && { parameters: made.parameters }),
    ...(made.tokens !== undefined && { tokens: made.tokens }),
  };
}

/** The run's result is the artifact of its last stage that has one; all of the run's inputs are its parents. */
export function runArtifact(
  stages: readonly Stage[],
  made: ReadonlyMap<string, Artifact>,
  inputs: Inputs,
): Artifact | undefined {
  const last = stages.findLast((stage) => stage.artifact);
  const artifact = last && made.get(last.name);
  if (artifact === undefined) return undefined;
  const earlier = new Map([...made].filter(([stage]) => stage !== artifact.stage));
  return { ...artifact, parents: [...inputParents(inputs), ...stageParents(earlier)] };
}

function inputParents(inputs: Inputs): Parent[] {
  return [...inputs.values()].map(({ role, kind, name, artifact }) => ({
    name: role,
    digest: artifact.digest,
    reference: `${kind}/${name}`,
  }));
}

/** Inputs that the stage's pods had before them. */
function mountedParents(stage: Stage, inputs: Inputs): Parent[] {
  const mounted = new Set(stage.mounts.map(({ claimName, path }) => `${claimName}:${path}`));
  return inputParents(
    new Map([...inputs].filter(([, { artifact }]) => mounted.has(`${artifact.claimName}:${artifact.path}`))),
  );
}

const stageParents = (made: ReadonlyMap<string, Artifact>): Parent[] =>
  [...made].map(([stage, { digest }]) => ({ name: stage, digest }));
