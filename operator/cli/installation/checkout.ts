import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "../failure.ts";
import type { Installation } from "./installation.ts";

/** A checkout of the repository, with what `make setup` installs into it. */

const repository = fileURLToPath(new URL("../../../", import.meta.url));

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
  async installKernels() {
    throw new Failure("usage", `${repository} has its kernels by "make setup"; run that there`);
  },
};
