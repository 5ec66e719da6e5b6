import { z } from "zod";
import { artifactTypes } from "../api/artifact.ts";
import { Digest, RunIdentity } from "./parts.ts";

export const ManifestFile = z
  .strictObject({
    path: z.string().min(1),
    size_bytes: z.int().min(0),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
  })
  .meta({ id: "ManifestFile" });

export const ManifestParent = z
  .strictObject({
    name: z.string().min(1).describe("role of the parent, e.g. corpus or model"),
    digest: Digest,
  })
  .meta({ id: "ManifestParent" });

/** manifest.json, written last: an artifact exists when its manifest exists. */
export const Manifest = z
  .strictObject({
    api_version: z.literal("tanren.dev/v1alpha1"),
    type: z.enum(artifactTypes),
    digest: Digest.describe(
      "sha256 of this manifest as canonical JSON (sorted keys, no spaces) without `digest` and `run`",
    ),
    run: RunIdentity,
    files: z.array(ManifestFile).describe("sorted by path"),
    parents: z.array(ManifestParent),
    metadata: z
      .record(z.string(), z.unknown())
      .describe("figures and properties of the artifact; see ArtifactMetadata"),
  })
  .meta({ id: "Manifest" });
