import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { glob } from "node:fs/promises";
import { join } from "node:path";
import { rolldown } from "rolldown";

/** The command with all it is made of as one file of CommonJS: the form in which Node takes a program into itself. */
export async function bundle(repository: string): Promise<string> {
  const build = await rolldown({
    input: join(repository, "operator/cli/bundle.ts"),
    platform: "node",
    resolve: { conditionNames: ["tanren-bundle", "import", "node", "require", "default"] },
    transform: {
      define: {
        KERNEL_FILES: JSON.stringify(await kernelFiles(join(repository, "kernels"))),
        PAGE_FILES: JSON.stringify(pageFiles(join(repository, "ui/dist"))),
      },
    },
    // What is loaded only where it is needed is still in the file.
    plugins: [
      { name: "lazy", transform: (code) => code.replaceAll("createRequire(import.meta.url)(", "require(") },
    ],
    onLog(level, log) {
      if (level === "warn") throw new Error(log.message);
    },
  });
  const { output } = await build.generate({ format: "cjs", codeSplitting: false, minify: true });
  await build.close();
  const [chunk, ...others] = output;
  if (others.length > 0) throw new Error(`one file was expected, ${others.length + 1} came out`);
  return chunk.code;
}

/** The page that `tanren ui` serves, by path, in base64. */
function pageFiles(folder: string): Record<string, string> {
  if (!existsSync(join(folder, "index.html"))) throw new Error(`${folder} has no page; run "make ui"`);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .sort()
    .filter((path) => statSync(join(folder, path)).isFile());
  return Object.fromEntries(files.map((path) => [path, readFileSync(join(folder, path), "base64")]));
}

/** What a kernel's process needs, by path from the folder of the kernels. */
async function kernelFiles(kernels: string): Promise<Record<string, string>> {
  const locks = ["requirements.lock", "requirements-bootstrap.lock"];
  const source = await Array.fromAsync(glob("tanren_kernels/**/*.py", { cwd: kernels }));
  return Object.fromEntries(
    [...locks, ...source.sort()].map((path) => [path, readFileSync(join(kernels, path), "utf8")]),
  );
}
