import { join, resolve } from "node:path";
import { Command } from "commander";
import { Failure } from "../failure.ts";
import { type AnyObject, parseReference, title } from "../kinds.ts";
import { type CopyProgress, copyArtifact } from "../lineage/artifact-copy.ts";
import { artifactsOf } from "../lineage/tree.ts";
import { withHelp } from "../options.ts";
import { findObject, withConnection } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { Target } from "../target/target.ts";
import { Screen, terminalOf } from "../terminal/terminal.ts";
import { bytes } from "../terminal/units.ts";

interface ExportOptions {
  namespace?: string;
  to: string;
  stage?: string;
  claimDirectory?: string;
}

export function exportCommand(): Command {
  const command = new Command("export")
    .description(
      "copy what an object has made, a model in Hugging Face layout for one, and verify every byte",
    )
    .argument("<kind>", "kind by any of its names, or KIND/NAME")
    .argument("[name]", "name of the object")
    .requiredOption("--to <directory>", "where the copy is to be; must not exist yet")
    .option("--stage <stage>", "artifact of an earlier stage")
    .option("--claim-directory <directory>", "where the root of the artifact's claim is on this machine")
    .action(onTarget(exportArtifact))
    .addHelpText(
      "after",
      "\nThe directory is there once the copy is whole. One that was broken off is taken up\nagain. On a cluster, say by --claim-directory where the claim's file system is\nmounted here.",
    );
  return withHelp(command, [
    "tanren export alignmentrun chat --to assistant-13b",
    "tanren export align/chat --stage chat --to sft-only",
    "kubectl tanren export ptr/base -n team-a --claim-directory /mnt/team-a --to base-13b",
  ]);
}

async function exportArtifact(
  target: Target,
  options: ExportOptions,
  kind: string,
  name?: string,
): Promise<void> {
  const reference = parseReference(kind, name);
  const object = await withConnection(target, (connection) =>
    findObject(connection, target, reference, options.namespace),
  );
  const artifact = artifactOf(object, options.stage);
  const from = join(await rootOf(target, object, artifact.claimName, options.claimDirectory), artifact.path);
  const to = resolve(options.to);
  const { files, bytes: size } = await copyArtifact(from, to, artifact.digest, progressOn(process.stderr));
  terminalOf(process.stdout).print(
    `${title(object)}: ${files} files, ${bytes(size)}, verified by ${artifact.digest}, are in ${to}`,
  );
}

function artifactOf(object: AnyObject, stage: string | undefined) {
  const all = artifactsOf(object);
  const found = stage === undefined ? all.at(-1) : all.find((artifact) => artifact.stage === stage);
  if (found !== undefined) return found;
  if (stage !== undefined && all.length > 0)
    throw new Failure(
      "notFound",
      `${title(object)} has no artifact of a stage "${stage}"; it has of: ${all.map((one) => one.stage).join(", ")}`,
    );
  throw new Failure("unfinished", `${title(object)} has made no artifact yet`);
}

async function rootOf(
  target: Target,
  { metadata: { namespace } }: AnyObject,
  claimName: string,
  given: string | undefined,
): Promise<string> {
  if (given !== undefined) return resolve(given);
  if (target.claimDirectory !== undefined) return target.claimDirectory(namespace, claimName);
  throw new Failure(
    "usage",
    `claim ${claimName} is on the cluster; name by --claim-directory where its file system is mounted on this machine, or copy from a pod that mounts it`,
  );
}

/** A line that is drawn over on a terminal; nothing elsewhere. */
function progressOn(stream: NodeJS.WriteStream): (progress: CopyProgress) => void {
  if (!terminalOf(stream).interactive) return () => {};
  const screen = new Screen(stream);
  return ({ file, doneBytes, totalBytes }) => {
    const percent = totalBytes === 0 ? 100 : Math.floor((100 * doneBytes) / totalBytes);
    screen.draw([
      `${String(percent).padStart(3)}% of ${bytes(totalBytes)}  ${file}`.slice(0, screen.columns),
    ]);
  };
}
