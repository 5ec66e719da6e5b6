import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "postject";

/** By this Node tells that it has a program in it: doc/api/single-executable-applications.md of Node 24. */
const sentinelFuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

/** Writes a copy of the Node that runs this, with a program in it: one file that needs nothing beside it. */
export async function writeExecutable(code: string, output: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tanren-executable-"));
  try {
    const [main, blob, config] = ["main.cjs", "blob", "config.json"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(main, code);
    // What V8 has compiled goes with it, for this version of Node on this kind of processor: it starts faster.
    const settings = { main, output: blob, disableExperimentalSEAWarning: true, useCodeCache: true };
    writeFileSync(config, JSON.stringify(settings));
    execFileSync(process.execPath, ["--experimental-sea-config", config], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    copyFileSync(process.execPath, output);
    chmodSync(output, 0o755);
    await inject(output, "NODE_SEA_BLOB", readFileSync(blob), { sentinelFuse });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
