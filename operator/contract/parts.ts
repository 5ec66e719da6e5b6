import { z } from "zod";
import { mostCpus } from "../api/fields.ts";
import { languagePattern, mostLanguageCharacters } from "../api/languages.ts";

/**
 * Shapes that several kernel programs share. Field names are the kernels' own: snake_case, PyTorch's and
 * Hugging Face's words.
 */

export const Digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/)
  .describe("sha256 digest, as `sha256:` and 64 hexadecimal digits");

export const RelativePath = z
  .string()
  .min(1)
  .regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$)).+$/)
  .describe("path relative to the working directory; never absolute, never upwards");

export const Input = z
  .strictObject({
    path: RelativePath,
    digest: Digest.optional().describe(
      "digest that the artifact's manifest must have; absent only for directories that people bring without a manifest",
    ),
  })
  .meta({ id: "Input" })
  .describe("an artifact, or a directory or file that a person brought, that the program reads");

export const RunIdentity = z
  .strictObject({
    kind: z.string().min(1),
    namespace: z.string().min(1),
    name: z.string().min(1),
    uid: z.string().min(1),
    stage: z.string().min(1),
    attempt: z.int().min(1),
  })
  .meta({ id: "RunIdentity" })
  .describe("the object and stage this program works for; written into logs, progress and the manifest");

export const common = {
  run: RunIdentity,
  output: RelativePath.describe("directory that the program owns and writes"),
  adopted: z
    .boolean()
    .optional()
    .describe("the run continues what another run left in its directory; there must be something"),
  threads: z
    .int()
    .min(1)
    .max(mostCpus)
    .describe("CPU threads to use; comes from the CPU limit, never from the machine"),
};

export const Language = z
  .string()
  .max(mostLanguageCharacters)
  .regex(languagePattern)
  .describe("BCP 47 tag of a text's language, or code: decides its rules and its share of the mixture");

export const Seed = z
  .int()
  .min(0)
  .max(2 ** 31 - 1)
  .describe("seed of every random choice; the same seed gives the same bits");
