import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { isSea } from "node:sea";
import { promisify } from "node:util";
import { Failure } from "../failure.ts";
import type { Installation, Kernels } from "./installation.ts";

/**
 * The command as one file. It carries the kernels' source and lock files; the packages that these run on, torch
 * among them, are downloaded when a person says so, and never by a run.
 */

/** Source and lock files of the kernels by path: release/bundle.ts puts them here. */
declare const KERNEL_FILES: Readonly<Record<string, string>>;

/** Other kernels are in another folder, so a newer command leaves the runs of an older one alone. */
const folder = () => {
  const digest = createHash("sha256").update(JSON.stringify(KERNEL_FILES)).digest("hex").slice(0, 12);
  return join(process.env.XDG_DATA_HOME || join(homedir(), ".local/share"), "tanren", `kernels-${digest}`);
};

const kernelsIn = (directory: string): Kernels => ({
  python: join(directory, "venv/bin/python"),
  env: { PYTHONPATH: join(directory, "source") },
});

/** Written last: what is installed without it is half of it. */
const marker = (directory: string) => join(directory, "complete");

export const installation: Installation = {
  again: [process.execPath, ...(isSea() ? [] : [process.argv[1] ?? ""])],
  async kernels() {
    const directory = folder();
    if (!existsSync(marker(directory)))
      throw new Failure(
        "failed",
        'the kernels of this version are not installed, so nothing can run on this machine; run "tanren install-kernels", which downloads PyTorch (3 GB) into ' +
          `${dirname(directory)}, or name a cluster with --context`,
      );
    return kernelsIn(directory);
  },
  async installKernels(base, say) {
    const directory = folder();
    if (existsSync(marker(directory))) return kernelsIn(directory);
    await requirePython(base);
    await rm(directory, { recursive: true, force: true });
    const source = join(directory, "source");
    for (const [path, text] of Object.entries(KERNEL_FILES)) {
      const file = join(source, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
    const venv = join(directory, "venv");
    const lock = (name: string) => join(source, `${name}.lock`);
    say(`installing the kernels of this version into ${directory}`);
    await run(base, "-m", "venv", venv);
    const pip = [join(venv, "bin/pip"), "install", "--quiet", "--disable-pip-version-check"] as const;
    await run(...pip, "--require-hashes", "-r", lock("requirements-bootstrap"));
    const { python } = kernelsIn(directory);
    // The installer stays, as it does in a checkout: what the lock does not name would be taken away.
    await run(
      join(venv, "bin/uv"),
      "pip",
      "sync",
      "--compile-bytecode",
      "--python",
      python,
      "--require-hashes",
      lock("requirements-bootstrap"),
      lock("requirements"),
    );
    await writeFile(marker(directory), "");
    return kernelsIn(directory);
  },
};

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
      `${program} ended with ${code}, so the kernels are not installed; what it said is above; once mended, run this again`,
    );
}
