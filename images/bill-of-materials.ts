import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { command, say } from "./commands.ts";

const version = "1.20.0";

interface Listing {
  /** Root of the image's files. */
  root: string;
  name: string;
  version: string;
  output: string;
  /** Where tools and logs are kept. */
  directory: string;
}

/** Writes an SPDX 2.3 list of all packages that are installed in an image: Debian's, Python's, npm's. */
export async function listPackages({ root, name, version, output, directory }: Listing): Promise<void> {
  const log = join(directory, "syft.log");
  const syft = await installSyft(directory, log);
  const source = ["--source-name", name, "--source-version", version, "--base-path", root];
  const partial = `${output}.partial`;
  // The files themselves are in the image's digest already; their list would be a hundred times longer than
  // the packages'.
  const env = { SYFT_FILE_METADATA_SELECTION: "none", SYFT_CHECK_FOR_APP_UPDATE: "false" };
  const what = ["--override-default-catalogers", "image", "--output", `spdx-json=${partial}`];
  await command([syft, "scan", `dir:${root}`, "--quiet", ...source, ...what], { env, log });
  await rename(partial, output);
}

async function installSyft(directory: string, log: string): Promise<string> {
  const folder = join(directory, `syft-${version}`);
  const syft = join(folder, "syft");
  if (!existsSync(syft)) {
    say(`  building syft ${version}, which lists packages (some minutes, once)`);
    await mkdir(folder, { recursive: true });
    const words = ["install", "-trimpath", `github.com/anchore/syft/cmd/syft@v${version}`] as const;
    await command(["go", ...words], { env: { GOBIN: folder, GOFLAGS: "", GOWORK: "off" }, cwd: folder, log });
  }
  return syft;
}
