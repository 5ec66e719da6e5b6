import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { chartFiles, dataFolder } from "./chart-files.ts";
import { gitopsFiles } from "./gitops-files.ts";
import { installFiles } from "./install-files.ts";

/** Writes charts/install, charts/gitops and what is generated of charts/tanren. */
const charts = join(import.meta.dirname, "..");
const readme = readFileSync(join(charts, "tanren/README.md"), "utf8");

/** Folders in which nothing else may be. */
for (const folder of ["install", "gitops", `tanren/${dataFolder}`])
  rmSync(join(charts, folder), { recursive: true, force: true });

write("install", installFiles(packageJson.version));
write("gitops", gitopsFiles());
write("tanren", chartFiles(readme));

function write(folder: string, files: Record<string, string>): void {
  for (const [path, content] of Object.entries(files)) {
    const file = join(charts, folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}
