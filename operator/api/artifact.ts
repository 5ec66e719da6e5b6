import { z } from "zod";

/** What a run leaves behind, and how others refer to it. */

export const artifactTypes = ["corpus", "model", "measurement", "evaluation"] as const;

const word = () => z.string().max(253);

export const Parent = z.object({
  name: word().describe("role of the parent, e.g. corpus or model"),
  digest: word().describe("digest of the parent's manifest"),
  reference: z.string().max(320).optional().describe("object it came from, as Kind/name"),
});

export const Artifact = z.object({
  type: z.enum(artifactTypes).describe("what it is"),
  stage: word().describe("stage that made it"),
  claimName: word().describe("claim it lies on"),
  path: z.string().max(1024).describe("directory below the claim's root"),
  digest: word().describe("sha256 of its manifest, which names the sha256 of every file"),
  sizeBytes: z.int().describe("size of its files"),
  parents: z.array(Parent).max(512).describe("artifacts it was made from"),
  tokenizerDigest: word().optional().describe("sha256 of its tokenizer.json"),
  vocabularySize: z.int().optional().describe("tokens the tokenizer knows"),
  contextLength: z.int().optional().describe("context window in tokens"),
  parameters: z.int().optional().describe("parameters of the model"),
  tokens: z.int().optional().describe("training tokens of the corpus"),
});
export type Artifact = z.output<typeof Artifact>;

/** One object of the same namespace whose artifact another reads; the role is unique within the reader. */
export interface Reference {
  role: string;
  kind: string;
  name: string;
}

export interface ResolvedInput extends Reference {
  artifact: Artifact;
}

/** Artifacts by role. What a spec names by claim and path is no reference: the program hashes it itself. */
export type Inputs = ReadonlyMap<string, ResolvedInput>;
