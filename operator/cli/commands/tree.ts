import { Command } from "commander";
import { Failure } from "../failure.ts";
import { type AnyObject, parseReference, title } from "../kinds.ts";
import { type LineageTree, lineageOf, lineageTree, newest } from "../lineage/lineage.ts";
import { outputOption, withHelp } from "../options.ts";
import { objectsIn, withConnection } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { Target } from "../target/target.ts";
import { terminalOf } from "../terminal/terminal.ts";
import { bytes } from "../terminal/units.ts";

interface TreeOptions {
  output?: "json";
  namespace?: string;
}

export function treeCommand(): Command {
  const command = new Command("tree")
    .description("show what every artifact was made from, down to imported data")
    .argument("[kind]", "kind by any of its names, or KIND/NAME: only the artifact of this object")
    .argument("[name]", "name of the object")
    .addOption(outputOption(["json"]))
    .action(onTarget(tree));
  return withHelp(command, [
    "tanren tree",
    "tanren tree alignmentrun chat",
    "tanren tree ptr/base -o json",
    "kubectl tanren tree -n team-a",
  ]);
}

async function tree(target: Target, options: TreeOptions, kind?: string, name?: string): Promise<void> {
  const reference = kind === undefined ? undefined : parseReference(kind, name);
  const namespace = options.namespace ?? (await target.namespace());
  const [where, objects] = await withConnection(
    target,
    async (connection) => [connection.where, await objectsIn(connection, [namespace])] as const,
  );
  const lineage = lineageOf(objects);
  const digests = reference
    ? [
        artifactDigest(
          objects.find(
            (object) =>
              object.kind === reference.kind.resource.kind && object.metadata.name === reference.name,
          ),
          `${reference.kind.resource.kind}/${reference.name}`,
          target,
        ),
      ]
    : newest(lineage).map((node) => node.digest);
  const trees = digests.flatMap((digest) => lineageTree(lineage, digest) ?? []);
  if (trees.length === 0)
    throw new Failure(
      "notFound",
      `no run in namespace ${namespace} of ${where} has made an artifact yet; see ${target.hint("get")}`,
    );
  const terminal = terminalOf(process.stdout);
  if (options.output === "json") terminal.print(JSON.stringify(trees, undefined, 2));
  else
    for (const [index, one] of trees.entries()) terminal.print(...(index > 0 ? [""] : []), ...treeLines(one));
}

function artifactDigest(object: AnyObject | undefined, named: string, { hint }: Target): string {
  if (object === undefined)
    throw new Failure("notFound", `there is no ${named}; ${hint("get")} lists what there is`);
  const digest = (object.status?.artifact ?? object.status?.served)?.digest;
  if (digest === undefined)
    throw new Failure(
      "notFound",
      `${title(object)} has no artifact yet; see ${hint(`describe ${object.kind.toLowerCase()} ${object.metadata.name}`)}`,
    );
  return digest;
}

/** The artifact on the first line, what it was made from below it. */
export function treeLines(tree: LineageTree): string[] {
  const below = tree.parents.flatMap((parent, index) => {
    const last = index === tree.parents.length - 1;
    const [first = "", ...rest] = treeLines(parent);
    return [`${last ? "└─ " : "├─ "}${first}`, ...rest.map((line) => `${last ? "   " : "│  "}${line}`)];
  });
  return [nodeLine(tree), ...below];
}

function nodeLine({ role, node, imported, stale, repeated }: LineageTree): string {
  const makers = node.makers.map((maker) => `${maker.kind}/${maker.name} ${maker.stage}`).join(", ");
  return [
    role === undefined ? "" : `${role}:`,
    imported ? "imported" : makers,
    node.digest.slice(0, "sha256:".length + 12),
    node.sizeBytes === undefined ? "" : bytes(node.sizeBytes),
    stale === undefined ? "" : "(replaced since)",
    repeated ? "(shown above)" : "",
  ]
    .filter(Boolean)
    .join("  ");
}
