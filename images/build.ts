import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { listPackages } from "./bill-of-materials.ts";
import { Builder } from "./builder.ts";
import { say } from "./commands.ts";
import { lockOf } from "./folder-lock.ts";
import { inputsDigest } from "./inputs.ts";
import { type StandIn, standIns } from "./stand-ins.ts";
import { installTools } from "./tools.ts";

/** Builds the images of operator and kernels as OCI archives, once for each content of their inputs. */

const repository = fileURLToPath(new URL("..", import.meta.url));

export const accelerators = ["cpu", "cuda"] as const;
export type Accelerator = (typeof accelerators)[number];

const Image = z.object({
  /** As a container runtime knows it. */
  name: z.string(),
  /** Digest of its configuration, by which the builder knows it. */
  id: z.string(),
  /** Digest of its manifest. */
  digest: z.string(),
  /** OCI archive. */
  archive: z.string(),
  /** What is inside, as SPDX JSON. */
  billOfMaterials: z.string(),
});
export type Image = z.output<typeof Image>;

export interface Images {
  operator: Image;
  kernels: Image;
}

interface Recipe {
  part: keyof Images;
  /** Tells builds of the same part apart. */
  variant: string;
  /** Build arguments that are images made here. */
  from: Record<string, StandIn>;
  args: Record<string, string>;
}

export const defaultDirectory = () =>
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "tanren", "images");

export async function buildImages(accelerator: Accelerator, directory = defaultDirectory()): Promise<Images> {
  const packageFile = JSON.parse(await readFile(join(repository, "package.json"), "utf8"));
  const { version: VERSION } = z.object({ version: z.string() }).parse(packageFile);
  const lock = lockOf(directory);
  const { debian: BASE, node: NODE } = standIns(directory);
  const operator = wanted({ part: "operator", variant: "", from: { BASE, NODE }, args: { VERSION } });
  const kernels = wanted({
    part: "kernels",
    variant: `-${accelerator}`,
    from: { BASE },
    args: { VERSION, ACCELERATOR: accelerator },
  });
  const missing = [operator, kernels].filter(({ name }) => !existsSync(recordOf(name, directory)));
  for (const one of missing) await build(one, directory);
  if (missing.length > 0) await lock.alone(() => removeOthers([operator, kernels], directory));
  return {
    operator: await readRecord(operator.name, directory),
    kernels: await readRecord(kernels.name, directory),
  };
}

/** Shows the files of an image that was built to a function. */
export function openImage<T>(
  { id }: Image,
  look: (root: string) => Promise<T>,
  directory = defaultDirectory(),
) {
  return new Builder(directory).look(id, look);
}

/** A recipe with the name of what it gives now: its inputs are looked at once. */
interface Wanted extends Recipe {
  stem: string;
  name: string;
}

function wanted(recipe: Recipe): Wanted {
  const { part, variant, from, args } = recipe;
  const made = Object.values(from).map(({ content }) => content);
  const inputs = inputsDigest(repository, join(part, "Containerfile"), [...made, JSON.stringify(args)]);
  const stem = `tanren-${part}${variant}-`;
  return { ...recipe, stem, name: stem + inputs };
}

const recordOf = (name: string, directory: string) => join(directory, `${name}.json`);

const readRecord = async (name: string, directory: string) =>
  Image.parse(JSON.parse(await readFile(recordOf(name, directory), "utf8")));

/**
 * Of each part and variant only the newest build is kept, and in the storage only what those with a record
 * were made from.
 */
async function removeOthers(newest: readonly Wanted[], directory: string): Promise<void> {
  const files = await readdir(directory);
  const old = files.filter((file) =>
    newest.some(({ stem, name }) => file.startsWith(stem) && !file.startsWith(name)),
  );
  await Promise.all(old.map((file) => rm(join(directory, file))));
  const recorded = files
    .filter((file) => !old.includes(file))
    .flatMap((file) => /^(tanren-[a-z-]+-[0-9a-f]{12})\.json$/.exec(file)?.[1] ?? []);
  const builder = new Builder(directory);
  for (const name of recorded) await builder.name((await readRecord(name, directory)).id, `${name}-labelled`);
  await builder.keepOnly([...recorded, ...Object.values(standIns(directory)).map(({ tag }) => tag)]);
}

async function build({ part, variant, from, args, name }: Wanted, directory: string): Promise<void> {
  await installTools(join(directory, "tools.log"));
  const builder = new Builder(directory);
  const bases: Record<string, string> = {};
  for (const [argument, standIn] of Object.entries(from)) {
    await standIn.make(builder);
    bases[argument] = standIn.tag;
  }

  say(`image of the ${part}${variant}`);
  const built = await builder.build({
    tag: name,
    containerfile: join(repository, part, "Containerfile"),
    stages: ["packages"],
    context: repository,
    args: { ...args, ...bases },
  });
  const billOfMaterials = join(directory, `${name}.spdx.json`);
  say(`  list of what is inside: ${billOfMaterials}`);
  const version = args.VERSION ?? "";
  const id = await builder.label(built, async (root) => {
    await listPackages({ root, name: `tanren-${part}`, version, output: billOfMaterials, directory });
    const text = await readFile(billOfMaterials);
    return { "dev.tanren.bill-of-materials": `sha256:${createHash("sha256").update(text).digest("hex")}` };
  });
  const archive = join(directory, `${name}.tar`);
  say(`  archive: ${archive}`);
  const reference = `docker.io/library/tanren-${part}:${version}`;
  const digest = await builder.save(id, reference, archive);
  const record = recordOf(name, directory);
  await writeFile(
    `${record}.partial`,
    JSON.stringify({ name: reference, id, digest, archive, billOfMaterials }),
  );
  await rename(`${record}.partial`, record);
}

if (import.meta.main) {
  const accelerator = z.enum(accelerators).default("cuda").parse(process.argv[2]);
  for (const { name, archive, billOfMaterials } of Object.values(await buildImages(accelerator)))
    console.log(`${name}\n  archive            ${archive}\n  bill of materials  ${billOfMaterials}`);
}
