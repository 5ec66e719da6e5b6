import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import packageJson from "../package.json" with { type: "json" };
import { helmPath } from "../test/cluster/cluster.ts";
import { bundle } from "./bundle.ts";
import { packageChart } from "./chart.ts";
import { writeExecutable } from "./executable.ts";
import { type Archive, goArchitecture, krewManifest } from "./krew.ts";
import { writeNpmPackage } from "./npm-package.ts";

/** Writes into a folder what people install: the command as one file and in npm's form, krew's manifest, the chart. */

export const repository = fileURLToPath(new URL("..", import.meta.url));
const { version } = packageJson;

/** @param url Where the archives will lie, for krew; undefined: where they are written. */
export async function buildDist(
  output: string,
  helm: string,
  url = pathToFileURL(output).href,
): Promise<void> {
  mkdirSync(output, { recursive: true });
  const code = await bundle(repository);
  await writeExecutable(code, join(output, "tanren"));
  writeArchive(output);
  const npm = writeNpmPackage(code, repository, output);
  // Helm's name for the chart is the same.
  renameSync(join(output, npm), join(output, `tanren-npm-${version}.tgz`));
  packageChart(helm, repository, output);
  writeKrewManifest(output, url);
  writeChecksums(output);
}

/** Of every archive that is there, also of those that other machines have built. */
function writeKrewManifest(output: string, url: string): void {
  const archives = readdirSync(output).flatMap((file): Archive[] => {
    const [, os, arch] = archiveName.exec(file) ?? [];
    if (os === undefined || arch === undefined) return [];
    return [{ os, arch, url: `${url}/${file}`, sha256: sha256(join(output, file)) }];
  });
  writeFileSync(join(output, "tanren.yaml"), krewManifest(version, archives));
}

/** Of everything that is released, in the form that `sha256sum --check` reads. */
export function writeChecksums(output: string): void {
  const released = readdirSync(output)
    .filter((file) => file.startsWith("tanren-") || file === "tanren.yaml")
    .sort();
  const sums = released.map((file) => `${sha256(join(output, file))}  ${file}\n`);
  writeFileSync(join(output, "SHA256SUMS"), sums.join(""));
}

const archiveName = new RegExp(`^tanren-${version.replaceAll(".", "[.]")}-([a-z]+)-([a-z0-9]+)[.]tar[.]gz$`);

const sha256 = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");

/** Krew takes no links out of an archive, so it has the command under one name. */
function writeArchive(output: string): void {
  const folder = mkdtempSync(join(tmpdir(), "tanren-archive-"));
  try {
    for (const [from, name] of [
      [join(output, "tanren"), "tanren"],
      [join(repository, "LICENSE"), "LICENSE"],
    ] as const)
      copyFileSync(from, join(folder, name));
    const name = `tanren-${version}-${process.platform}-${goArchitecture()}.tar.gz`;
    const plain = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
    execFileSync("tar", [...plain, "-C", folder, "-czf", join(output, name), "tanren", "LICENSE"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const [output = "build/dist", url] = process.argv.slice(2);
  await buildDist(resolve(output), await helmPath(), url);
  for (const file of readdirSync(output)) console.log(join(output, file));
}
