import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { listPackages } from "./bill-of-materials.ts";
import { Builder } from "./builder.ts";
import { say } from "./commands.ts";
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

export const defaultDirectory = () => join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "tanren", "images");

export async function buildImages(accelerator: Accelerator, directory = defaultDirectory()): Promise<Images> {
  const packageFile = JSON.parse(await readFile(join(repository, "package.json"), "utf8"));
  const { version: VERSION } = z.object({ version: z.string() }).parse(packageFile);
  const { debian: BASE, node: NODE } = standIns(directory);
  return {
    operator: await image({ part: "operator", variant: "", from: { BASE, NODE }, args: { VERSION } }, directory),
    kernels: await image(
      {
        part: "kernels",
        variant: `-${accelerator}`,
        from: { BASE },
        args: { VERSION, ACCELERATOR: accelerator },
      },
      directory,
    ),
  };
}

/** Shows the files of an image that was built to a function. */
export function openImage<T>({ id }: Image, look: (root: string) => Promise<T>, directory = defaultDirectory()) {
  return new Builder(directory).look(id, look);
}

async function image(recipe: Recipe, directory: string): Promise<Image> {
  const { part, variant, from, args } = recipe;
  const made = Object.values(from).map(({ content }) => content);
  const key = inputsDigest(repository, join(part, "Containerfile"), [...made, JSON.stringify(args)]);
  const stem = `tanren-${part}${variant}-`;
  const record = join(directory, `${stem}${key}.json`);
  if (!existsSync(record)) {
    const built = await build(recipe, join(directory, stem + key), directory);
    await writeFile(`${record}.partial`, JSON.stringify(built));
    await rename(`${record}.partial`, record);
    const others = (await readdir(directory)).filter((file) => file.startsWith(stem) && !file.includes(key));
    await Promise.all(others.map((file) => rm(join(directory, file))));
  }
  return Image.parse(JSON.parse(await readFile(record, "utf8")));
}

async function build({ part, variant, from, args }: Recipe, path: string, directory: string): Promise<Image> {
  await mkdir(directory, { recursive: true });
  await installTools(join(directory, "tools.log"));
  const builder = new Builder(directory);
  const bases: Record<string, string> = {};
  for (const [argument, standIn] of Object.entries(from)) bases[argument] = await standIn.make(builder);

  say(`image of the ${part}${variant}`);
  const built = await builder.build({
    tag: `tanren-${part}`,
    containerfile: join(repository, part, "Containerfile"),
    context: repository,
    args: { ...args, ...bases },
  });
  const billOfMaterials = `${path}.spdx.json`;
  say(`  list of what is inside: ${billOfMaterials}`);
  const version = args.VERSION ?? "";
  const id = await builder.label(built, async (root) => {
    await listPackages({ root, name: `tanren-${part}`, version, output: billOfMaterials, directory });
    const text = await readFile(billOfMaterials);
    return { "dev.tanren.bill-of-materials": `sha256:${createHash("sha256").update(text).digest("hex")}` };
  });
  const archive = `${path}.tar`;
  say(`  archive: ${archive}`);
  const name = `docker.io/library/tanren-${part}:${version}`;
  return { name, id, digest: await builder.save(id, name, archive), archive, billOfMaterials };
}

if (import.meta.main) {
  const accelerator = z.enum(accelerators).default("cuda").parse(process.argv[2]);
  for (const { name, archive, billOfMaterials } of Object.values(await buildImages(accelerator)))
    console.log(`${name}\n  archive            ${archive}\n  bill of materials  ${billOfMaterials}`);
}
