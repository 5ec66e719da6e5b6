import { constants } from "node:fs";
import { access, readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "../failure.ts";
import type { Installation } from "./installation.ts";

/** A checkout of the repository, with what `make setup` installs into it. */

const repository = fileURLToPath(new URL("../../../", import.meta.url));

const pageFolder = join(repository, "ui/dist");

export const installation: Installation = {
  again: [process.execPath, join(repository, "operator/cli/main.ts")],
  async kernels() {
    const python = join(repository, ".venv", "bin", "python");
    await access(python, constants.X_OK).catch(() => {
      throw new Failure(
        "failed",
        `${python} is missing, so no kernel can run; run "make setup" in ${repository}`,
      );
    });
    return { python, env: { PYTHONPATH: join(repository, "kernels") } };
  },
  async page() {
    const files = new Map<string, Uint8Array>();
    const found = await readdir(pageFolder, { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of found.filter((one) => one.isFile())) {
      const path = join(entry.parentPath, entry.name);
      files.set(relative(pageFolder, path), await readFile(path));
    }
    if (files.has("index.html")) return files;
    throw new Failure("failed", `${pageFolder} has no page; run "make ui" in ${repository}`);
  },
  async installKernels() {
    throw new Failure("usage", `${repository} has its kernels by "make setup"; run that there`);
  },
};
