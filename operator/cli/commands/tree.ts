import { Command } from "commander";
import type { Gate } from "../../kinds/inference-deployment/kind.ts";
import { Failure } from "../failure.ts";
import { type AnyObject, parseReference } from "../kinds.ts";
import { readManifestParents } from "../lineage/manifests.ts";
import { makersOf, type TreeNode, treeOf, treesOf } from "../lineage/tree.ts";
import { outputOption, withHelp } from "../options.ts";
import { findObject, objectsIn, withConnection } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { Connection, Target } from "../target/target.ts";
import { terminalOf } from "../terminal/terminal.ts";
import { bytes } from "../terminal/units.ts";
import { wrap } from "../terminal/width.ts";

interface TreeOptions {
  output?: "json";
  namespace?: string;
}

export function treeCommand(): Command {
  const command = new Command("tree")
    .description(
      "show what every object is made from, down to sources, conversations, prompts and benchmarks; deployments and their gates first",
    )
    .argument("[kind]", "kind by any of its names, KIND/NAME, or the digest of an artifact (sha256:...)")
    .argument("[name]", "name of the object")
    .addOption(outputOption(["json"]))
    .action(onTarget(tree))
    .addHelpText(
      "after",
      "\nWhat has not run yet stands there by its spec. Digests of data come from the\nmanifests of artifacts, which are read where claims are on this machine.",
    );
  return withHelp(command, [
    "tanren tree",
    "tanren tree infd/assistant",
    "tanren tree alignmentrun chat -o json",
    "tanren tree sha256:4be1",
    "kubectl tanren tree -n team-a",
  ]);
}

const isDigest = (word: string) => word.startsWith("sha256:");

async function tree(target: Target, options: TreeOptions, word?: string, name?: string): Promise<void> {
  const namespace = options.namespace ?? (await target.namespace());
  const trees = await withConnection(target, async (connection) => {
    const objects = await objectsIn(connection, [namespace]);
    const parents = await readManifestParents(target, objects);
    if (word === undefined) return treesOf(objects, parents);
    const roots = await rootsOf(connection, target, objects, options.namespace, word, name);
    return roots.map((root) => treeOf(root, objects, parents));
  });
  if (trees.length === 0)
    throw new Failure(
      "notFound",
      `there is no object in namespace ${namespace}; ${target.hint("run -f DIR")} creates what manifests describe`,
    );
  const terminal = terminalOf(process.stdout);
  if (options.output === "json") return terminal.json(trees, 2);
  for (const [index, one] of trees.entries())
    terminal.print(...(index > 0 ? [""] : []), ...treeLines(one, terminal.columns));
}

async function rootsOf(
  connection: Connection,
  target: Target,
  objects: readonly AnyObject[],
  namespace: string | undefined,
  word: string,
  name?: string,
): Promise<AnyObject[]> {
  if (!isDigest(word)) return [await findObject(connection, target, parseReference(word, name), namespace)];
  const makers = makersOf(objects, word);
  if (makers.length > 0) return makers;
  throw new Failure("notFound", `no object has made an artifact ${word}; ${target.hint("tree")} shows all`);
}

/** The node on the first line, what it was made from below it; no line is wider than the terminal. */
export function treeLines(node: TreeNode, columns: number): string[] {
  const own = wrap(nodeText(node), Math.max(leastColumns, columns));
  // A text of several lines hangs beside the line that leads to the parents.
  const [head = "", ...more] = own;
  const beside = node.parents.length > 0 ? "│    " : "     ";
  const below = node.parents.flatMap((parent, index) => {
    const last = index === node.parents.length - 1;
    const [first = "", ...rest] = treeLines(parent, columns - 3);
    return [`${last ? "└─ " : "├─ "}${first}`, ...rest.map((line) => `${last ? "   " : "│  "}${line}`)];
  });
  if (more.length === 0) return [head, ...below];
  const [start = "", ...hanging] = wrap(nodeText(node), Math.max(leastColumns, columns - beside.length));
  return [start, ...hanging.map((line) => beside + line), ...below];
}

/** A line is not broken into less than this, however deep it stands. */
const leastColumns = 20;

const shortened = (digest: string) => digest.slice(0, "sha256:".length + 12);

function nodeText(node: TreeNode): string {
  const { role, object, artifact, absent, data, rules, recorded, gate, madeFrom, repeated } = node;
  const parts = [
    object && `${object.kind}/${object.name}`,
    gate && gateText(gate),
    absent && (recorded === undefined ? "is not there" : `is gone; its artifact was ${shortened(recorded)}`),
    object && !absent && artifactText(node),
    data && dataText(data),
    data && recorded && shortened(recorded),
    rules &&
      `rules: ${Object.entries(rules)
        .map((rule) => rule.join(" "))
        .join(", ")}`,
    artifact && object?.kind !== "InferenceDeployment" && bytes(artifact.sizeBytes),
    madeFrom && `replaced since: ${shortened(madeFrom)} was used`,
    repeated && "(shown above)",
  ].filter(Boolean);
  return `${role === undefined ? "" : `${role}: `}${parts.join("; ")}`;
}

function artifactText({ object, artifact, reason }: TreeNode): string {
  const isDeployment = object?.kind === "InferenceDeployment";
  if (artifact !== undefined)
    return `${isDeployment ? "serves" : artifact.stage} ${shortened(artifact.digest)}`;
  const state = reason === undefined ? "" : ` (${reason})`;
  return isDeployment ? `serves nothing yet${state}` : `has made no artifact yet${state}`;
}

const gateTexts: Record<Gate["state"], string> = {
  passed: "passed",
  failed: "FAILED",
  missing: "MISSING",
  unfinished: "not passed yet",
  ofAnotherModel: "NOT PASSED for this model artifact",
};

/** What the role says already is not said again. */
const formatText: Partial<Record<NonNullable<TreeNode["data"]>["format"], string>> = {
  warc: "warc",
  wet: "wet",
  html: "html",
  mediawiki: "mediawiki",
  parquet: "parquet",
  jsonl: "jsonl",
  text: "text",
  code: "code",
  jsquad: "jsquad",
  jcommonsenseqa: "jcommonsenseqa",
  model: "imported",
};

const gateText = ({ state }: Gate) => gateTexts[state];

function dataText({
  claimName,
  path,
  include = [],
  format,
  language,
  licence,
}: NonNullable<TreeNode["data"]>) {
  const place = path === "." ? `claim ${claimName}` : `claim ${claimName}, ${path}`;
  const files = include.length > 0 && include.join() !== "**/*" ? `${place} (${include.join(", ")})` : place;
  return [formatText[format], language, licence && `licence ${licence}`, files].filter(Boolean).join("; ");
}
