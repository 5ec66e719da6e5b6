import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** What an image is made of, by content: the files that its Containerfile copies, the Containerfile itself, the build's arguments. */
export function inputsDigest(repository: string, containerfile: string, others: readonly string[]): string {
  const text = readFileSync(join(repository, containerfile), "utf8");
  const sources = [...text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, words = ""]) => words.split(" "));
  const files = [containerfile, ".dockerignore", ...sources.flatMap((source) => filesOf(repository, source))];
  const hash = createHash("sha256").update(others.join("\n"));
  for (const file of files) hash.update(`\n${file}\n`).update(readFileSync(join(repository, file)));
  return hash.digest("hex").slice(0, 12);
}

/** Files below a path, in a fixed order; what .dockerignore keeps out may change without another image. */
function filesOf(repository: string, path: string): string[] {
  if (!statSync(join(repository, path)).isDirectory()) return [path];
  return readdirSync(join(repository, path), { recursive: true, encoding: "utf8" })
    .sort()
    .map((file) => join(path, file))
    .filter((file) => !file.endsWith(".test.ts") && !file.includes("__pycache__"))
    .filter((file) => statSync(join(repository, file)).isFile());
}
