import { existsSync, readFileSync } from "node:fs";
import { copyFile, cp, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Builder } from "./builder.ts";
import { command, say } from "./commands.ts";

/**
 * What the Containerfiles start from, made on this machine where no registry of images can be reached: Debian
 * from its packages, Node and npm from theirs. They stand in for the public images in tests; images for
 * others start from maintained ones.
 */
export interface StandIn {
  /** Says in a word what it is made of. */
  content: string;
  tag: string;
  /** Makes it where it is missing. */
  make(builder: Builder): Promise<void>;
}

const repository = fileURLToPath(new URL("..", import.meta.url));
const suite = "bookworm";
const npmVersion = "11.19.1";
const debianTag = `tanren-debian-${suite}`;
const nodeTag = (version: string) => `tanren-node-${version}`;
const packageVersion = z.object({ version: z.string() });

export function standIns(directory: string): { debian: StandIn; node: StandIn } {
  const installed = join(repository, "node_modules/node");
  const { version } = packageVersion.parse(JSON.parse(readFileSync(join(installed, "package.json"), "utf8")));
  return {
    debian: { content: suite, tag: debianTag, make: (builder) => debian(builder, directory) },
    node: {
      content: `node ${version} npm ${npmVersion}`,
      tag: nodeTag(version),
      make: (builder) => node(builder, directory, version),
    },
  };
}

/** Debian's smallest installation, without what only an installed machine needs. */
async function debian(builder: Builder, directory: string): Promise<void> {
  const context = join(directory, `debian-${suite}`);
  if (!existsSync(context)) {
    say(`Debian ${suite} from its packages`);
    const work = await mkdtemp(join(directory, "debootstrap-"));
    const log = join(directory, "debootstrap.log");
    try {
      await command(["debootstrap", "--variant=minbase", suite, join(work, "root")], { log });
      const leftOut = [
        "./var/cache/apt/*",
        "./var/lib/apt/lists/*",
        "./var/log/*",
        "./usr/share/man/*",
        "./dev/*",
      ];
      const ready = join(work, "ready");
      await mkdir(ready);
      const excludes = leftOut.map((pattern) => `--exclude=${pattern}`);
      await command(["tar", "-C", join(work, "root"), ...excludes, "-cf", join(ready, "debian.tar"), "."], {
        log,
      });
      await writeFile(join(ready, "Containerfile"), 'FROM scratch\nADD debian.tar /\nCMD ["/bin/bash"]\n');
      await rename(ready, context);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  await builder.build({ tag: debianTag, containerfile: join(context, "Containerfile"), context, args: {} });
}

/** The Node that the project pins, with npm. */
async function node(builder: Builder, directory: string, version: string): Promise<void> {
  const context = join(directory, `node-${version}-npm-${npmVersion}`);
  if (!existsSync(context)) {
    say(`Node ${version} and npm ${npmVersion} from their packages`);
    const work = await mkdtemp(join(directory, "npm-"));
    try {
      await writeFile(join(work, "package.json"), "{}");
      const words = ["install", "--no-audit", "--no-fund", "--no-save", `npm@${npmVersion}`];
      await command(["npm", ...words], { cwd: work, log: join(directory, "npm.log") });
      const ready = join(work, "ready");
      await mkdir(ready);
      await copyFile(join(repository, "node_modules/node/bin/node"), join(ready, "node"));
      await cp(join(work, "node_modules/npm"), join(ready, "npm"), { recursive: true });
      await rename(ready, context);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  const containerfile = join(repository, "images/node/Containerfile");
  await debian(builder, directory);
  await builder.build({ tag: nodeTag(version), containerfile, context, args: { BASE: debianTag } });
}
