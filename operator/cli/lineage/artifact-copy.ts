import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, normalize, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import type { z } from "zod";
import { Manifest } from "../../contract/index.ts";
import { Failure } from "../failure.ts";

/**
 * A copy of an artifact's directory. Every byte is held against its manifest, and that against the digest in the
 * status of its maker. The copy is there when it is whole: until then it stands beside its place, and one that was
 * broken off is taken up again.
 */

export interface CopyProgress {
  file: string;
  doneBytes: number;
  totalBytes: number;
}

const manifestName = "manifest.json";
const partialSuffix = ".partial";

/** Throws a Failure where the artifact is damaged, is another, or the place is taken. */
export async function copyArtifact(
  from: string,
  to: string,
  digest: string,
  onProgress: (progress: CopyProgress) => void,
): Promise<{ files: number; bytes: number }> {
  const manifest = await readManifest(from, digest);
  if (await isThere(to)) throw new Failure("usage", `${to} exists already; name a directory that does not`);
  const partial = to + partialSuffix;
  const totalBytes = manifest.files.reduce((sum, file) => sum + file.size_bytes, 0);
  await mkdir(partial, { recursive: true });
  await removeForeign(partial, new Set(manifest.files.map(({ path }) => path)));
  let doneBytes = 0;
  for (const file of manifest.files) {
    onProgress({ file: file.path, doneBytes, totalBytes });
    if (!(await isWhole(join(partial, file.path), file))) await copyFileOf(from, partial, file);
    doneBytes += file.size_bytes;
  }
  await copyFile(join(from, manifestName), join(partial, manifestName));
  await rename(partial, to);
  return { files: manifest.files.length, bytes: totalBytes };
}

type ManifestBody = z.output<typeof Manifest>;
type ManifestFile = ManifestBody["files"][number];

async function readManifest(directory: string, digest: string): Promise<ManifestBody> {
  const file = join(directory, manifestName);
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new Failure(
      "notFound",
      `${file} cannot be read (${error.code}); is the claim the one on this machine?`,
    );
  });
  const manifest = Manifest.safeParse(parsedJson(text));
  if (!manifest.success)
    throw new Failure("failed", `${file} is no manifest of an artifact; run its maker again`);
  if (digestOf(text) !== manifest.data.digest)
    throw new Failure(
      "failed",
      `${file} was changed: it does not have the digest it names; run its maker again`,
    );
  if (manifest.data.digest !== digest)
    throw new Failure(
      "failed",
      `${directory} holds ${manifest.data.digest}, and status names ${digest}: it was replaced since`,
    );
  const outside = manifest.data.files.find(
    ({ path }) => isAbsolute(path) || normalize(path).startsWith(".."),
  );
  if (outside !== undefined)
    throw new Failure(
      "failed",
      `${file} names ${outside.path}, which is outside of the artifact; nothing was copied`,
    );
  return manifest.data;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A number as it is written: 1.0 and 1e-05 have other texts in Python, which made the digest. */
class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const keepNumbers = (_key: string, value: unknown, context?: { source?: string }): unknown =>
  typeof value === "number" ? new NumberText(context?.source ?? String(value)) : value;

/** As the kernels make it: sha256 of canonical JSON without `digest` and `run`. */
function digestOf(manifest: string): string {
  const { digest: _, run: __, ...body } = JSON.parse(manifest, keepNumbers);
  return `sha256:${createHash("sha256").update(canonical(body)).digest("hex")}`;
}

/** JSON with sorted keys and no spaces. */
function canonical(value: unknown): string {
  if (value instanceof NumberText) return value.text;
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(",")}}`;
}

async function copyFileOf(
  from: string,
  to: string,
  { path, sha256, size_bytes: size }: ManifestFile,
): Promise<void> {
  const source = join(from, path);
  const target = join(to, path);
  await mkdir(dirname(target), { recursive: true });
  const hash = createHash("sha256");
  const file = await open(target, constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY, 0o644);
  try {
    await pipeline(
      createReadStream(source),
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          yield chunk;
        }
      },
      file.createWriteStream({ flush: true }),
    );
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOSPC")
      throw new Failure("failed", `there is no room for ${target}; make some and run the command again`);
    throw new Failure("failed", `${source} cannot be copied to ${target}: ${(error as Error).message}`);
  }
  if (hash.digest("hex") === sha256 && (await stat(target)).size === size) return;
  await rm(target);
  throw new Failure(
    "failed",
    `${source} does not have the sha256 that the manifest names; run its maker again`,
  );
}

async function isWhole(path: string, { sha256, size_bytes: size }: ManifestFile): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found?.size !== size) return false;
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex") === sha256;
}

/** Of a copy that was broken off from another artifact nothing is left over. */
async function removeForeign(directory: string, known: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isDirectory() && !known.has(relative(directory, path))) await rm(path);
  }
}

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
