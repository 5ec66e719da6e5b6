import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { isSea } from "node:sea";
import { promisify } from "node:util";
import { Failure } from "../failure.ts";
import type { Installation } from "./installation.ts";

/**
 * The command as one file. It carries the kernels' source and lock files; the packages that these run on, torch
 * among them, are downloaded when a person says so, and never by a run.
 */

/** Source and lock files of the kernels by path: release/bundle.ts puts them here. */
declare const KERNEL_FILES: Readonly<Record<string, string>>;
/** The built page by path, each file in base64. */
declare const PAGE_FILES: Readonly<Record<string, string>>;

const locks = ["requirements-bootstrap.lock", "requirements.lock"] as const;

/** A folder of this user, by what it is made of: what another version of the command needs stays beside it. */
function folder(what: string, from: Readonly<Record<string, string>>): string {
  const digest = createHash("sha256").update(JSON.stringify(from)).digest("hex").slice(0, 12);
  return join(process.env.XDG_DATA_HOME || join(homedir(), ".local/share"), "tanren", `${what}-${digest}`);
}

/** Packages change seldom: a newer command mostly finds the environment that an older one has made. */
const environmentFolder = () =>
  folder("python", Object.fromEntries(locks.map((name) => [name, KERNEL_FILES[name] ?? ""])));

/** Written last: an environment without it is half of one. */
const marker = "complete";

export const installation: Installation = {
  again: [process.execPath, ...(isSea() ? [] : [process.argv[1] ?? ""])],
  async kernels() {
    const environment = environmentFolder();
    if (!existsSync(join(environment, marker)))
      throw new Failure(
        "failed",
        `what kernels run on is not installed, so nothing can run on this machine; run "tanren install-kernels", which downloads PyTorch (3 GB) to ${dirname(environment)}, or name a cluster with --context`,
      );
    return { python: join(environment, "bin/python"), env: { PYTHONPATH: await writeSource() } };
  },
  async page() {
    return new Map(
      Object.entries(PAGE_FILES).map(([path, content]) => [path, Buffer.from(content, "base64")] as const),
    );
  },
  async installKernels(base, say) {
    const environment = environmentFolder();
    if (existsSync(join(environment, marker))) return environment;
    await requirePython(base);
    const [bootstrap, packages] = locks.map((name) => join(environment, name)) as [string, string];
    await rm(environment, { recursive: true, force: true });
    say(`installing what kernels run on into ${environment}`);
    await run(base, "-m", "venv", environment);
    for (const name of locks) await writeFile(join(environment, name), KERNEL_FILES[name] ?? "");
    const [pip, uv, python] = ["pip", "uv", "python"].map((name) => join(environment, "bin", name)) as [
      string,
      string,
      string,
    ];
    await run(pip, "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", bootstrap);
    const sync = ["pip", "sync", "--compile-bytecode", "--python", python, "--require-hashes"];
    await run(uv, ...sync, bootstrap, packages);
    await writeFile(join(environment, marker), "");
    return environment;
  },
};

/** Lays the kernels' source down, whole or not at all, where no run has done so before. */
async function writeSource(): Promise<string> {
  const source = folder("kernels", KERNEL_FILES);
  if (existsSync(source)) return source;
  await mkdir(dirname(source), { recursive: true });
  const partial = await mkdtemp(`${source}.`);
  for (const [path, text] of Object.entries(KERNEL_FILES)) {
    const file = join(partial, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  await rename(partial, source).catch(async (error: NodeJS.ErrnoException) => {
    await rm(partial, { recursive: true });
    // Another run was faster.
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  });
  return source;
}

/** The oldest Python that the kernels run on. */
const oldest = [3, 11] as const;

async function requirePython(base: string): Promise<void> {
  const question = `import sys, venv; sys.exit(0 if sys.version_info >= (${oldest.join(", ")}) else 1)`;
  await promisify(execFile)(base, ["-c", question]).catch(() => {
    throw new Failure(
      "failed",
      `${base} is not a Python ${oldest.join(".")} or newer with its module venv; name one with --python`,
    );
  });
}

/** Shows what the program says, on standard error. */
async function run(program: string, ...words: string[]): Promise<void> {
  const child = spawn(program, words, { stdio: ["ignore", "inherit", "inherit"] });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0)
    throw new Failure(
      "failed",
      `${program} ended with ${code}, so nothing is installed; what it said is above; once mended, run this again`,
    );
}
