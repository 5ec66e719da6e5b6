import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import packageJson from "../package.json" with { type: "json" };

/** By these names the command is called; it tells by the name what it is. */
const names = ["tanren", "kubectl-tanren", "kubectl_complete-tanren"];

/** Comes before the program: its syntax is one that an older Node reads. */
const start = (oldest: number) => `#!/usr/bin/env node
if (Number.parseInt(process.versions.node, 10) < ${oldest}) {
  process.stderr.write("tanren: Node ${oldest} or newer is needed, this is " + process.version + "; take the command as one file, which has its own\\n");
  process.exit(1);
}
require("node:module").enableCompileCache();
require("../lib/tanren.cjs");
`;

const readme = `# tanren
${packageJson.description}.

    npx tanren plan -f DIR
    npx tanren get --context prod

The command alone, for a cluster or, after \`tanren install-kernels\`, for this machine.
`;

/** Writes the package that npm and npx install: the bundle, and nothing that it depends on. Returns its file name. */
export function writeNpmPackage(code: string, repository: string, output: string): string {
  const folder = mkdtempSync(join(tmpdir(), "tanren-npm-"));
  try {
    for (const part of ["bin", "lib"]) mkdirSync(join(folder, part));
    const { name, version, description, license, engines } = packageJson;
    const oldest = Number.parseInt(engines.node.replace(/^\D+/, ""), 10);
    const bin = Object.fromEntries(names.map((one) => [one, "bin/tanren.cjs"]));
    const manifest = { name, version, description, license, bin, engines: { node: `>=${oldest}` } };
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest, undefined, 2));
    writeFileSync(join(folder, "bin/tanren.cjs"), start(oldest), { mode: 0o755 });
    writeFileSync(join(folder, "lib/tanren.cjs"), code);
    writeFileSync(join(folder, "README.md"), readme);
    copyFileSync(join(repository, "LICENSE"), join(folder, "LICENSE"));
    const pack = ["pack", folder, "--pack-destination", output, "--json", "--loglevel=error"];
    execFileSync("npm", pack, { stdio: ["ignore", "ignore", "inherit"] });
    return `${name}-${version}.tgz`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
