import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, matchesGlob } from "node:path";

/**
 * What an image is made of, by content: the files that its Containerfile copies and .dockerignore lets in,
 * the Containerfile itself, the build's arguments.
 */
export function inputsDigest(repository: string, containerfile: string, others: readonly string[]): string {
  const text = readFileSync(join(repository, containerfile), "utf8");
  const sources = [...text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, words = ""]) =>
    words.split(" "),
  );
  const ignored = ignoredBy(readFileSync(join(repository, ".dockerignore"), "utf8"));
  const copied = sources.flatMap((source) => filesOf(repository, source)).filter((file) => !ignored(file));
  const hash = createHash("sha256").update(others.join("\n"));
  for (const file of [containerfile, ".dockerignore", ...copied])
    hash.update(`\n${file}\n`).update(readFileSync(join(repository, file)));
  return hash.digest("hex").slice(0, 12);
}

/**
 * What .dockerignore takes out again of what it lets in: its patterns after the exceptions, each a glob or a
 * folder.
 */
function ignoredBy(dockerignore: string): (file: string) => boolean {
  const lines = dockerignore.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const patterns = lines.slice(lines.findLastIndex((line) => line.startsWith("!")) + 1);
  return (file) =>
    patterns.some((pattern) => matchesGlob(file, pattern) || matchesGlob(file, `${pattern}/**`));
}

/** Files below a path, in a fixed order. */
function filesOf(repository: string, path: string): string[] {
  if (!statSync(join(repository, path)).isDirectory()) return [path];
  return readdirSync(join(repository, path), { recursive: true, encoding: "utf8" })
    .sort()
    .map((file) => join(path, file))
    .filter((file) => statSync(join(repository, file)).isFile());
}
