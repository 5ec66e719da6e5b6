import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { chartFiles } from "./chart-files.ts";
import { gitopsFiles } from "./gitops-files.ts";
import { installFiles } from "./install-files.ts";

/** Writes charts/tanren, charts/install and charts/gitops anew. */
const root = new URL("../../", import.meta.url).pathname;
const read = (path: string) => readFileSync(join(root, path), "utf8");

const { version, description, license } = z
  .object({ version: z.string(), description: z.string(), license: z.string() })
  .parse(JSON.parse(read("package.json")));

const folders = {
  tanren: { ...chartFiles({ version, description, license }), LICENSE: read("LICENSE") },
  install: installFiles(version),
  gitops: gitopsFiles(),
};

for (const [folder, files] of Object.entries(folders)) {
  const at = join(root, "charts", folder);
  rmSync(at, { recursive: true, force: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(at, path)), { recursive: true });
    writeFileSync(join(at, path), content);
  }
}
