import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { unreachable } from "../../operator/testing/cli-objects.ts";
import packageJson from "../../package.json" with { type: "json" };
import { buildDist } from "../../release/build.ts";
import { goArchitecture } from "../../release/krew.ts";
import { helmPath, krewPath, krewValidatorPath } from "../cluster/cluster.ts";

/** What `make dist` makes, as somebody has it who has nothing else of the repository. */

const { version } = packageJson;
const archive = `tanren-${version}-${process.platform}-${goArchitecture()}.tar.gz`;
const examples = join(import.meta.dirname, "../../examples");

/** Without the Node of this machine. */
const bare = ["/usr/bin", "/bin"];

let folder = "";
let dist = "";
let helm = "";

beforeAll(async () => {
  helm = await helmPath();
  folder = mkdtempSync(join(tmpdir(), "tanren-dist-"));
  dist = join(folder, "dist");
  await buildDist(dist, helm);
  mkdirSync(join(folder, "bin"));
  for (const name of ["home", "work", "krew"]) mkdirSync(join(folder, name));
  run("tar", ["-xzf", join(dist, archive), "-C", join(folder, "bin")]);
  for (const name of ["kubectl-tanren", "kubectl_complete-tanren"])
    symlinkSync("tanren", join(folder, "bin", name));
}, 30 * 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  code: number | null;
  out: string;
  error: string;
}

/** In an empty directory, with an empty home. */
function run(program: string, words: readonly string[], env: Record<string, string> = {}): Ended {
  const { status, stdout, stderr, error } = spawnSync(program, words, {
    cwd: join(folder, "work"),
    encoding: "utf8",
    env: { HOME: join(folder, "home"), PATH: bare.join(":"), ...env },
  });
  if (error) throw error;
  return { code: status, out: stdout, error: stderr };
}

const command = (name: string, ...words: string[]) => run(join(folder, "bin", name), words);

describe("the command as one file", () => {
  test("is one file, and knows its version", () => {
    expect(command("tanren", "--version")).toEqual({ code: 0, out: `${version}\n`, error: "" });
  });

  test("plans an example", () => {
    const { code, out } = command("tanren", "plan", "-f", join(examples, "programme-a"));
    expect(code).toBe(0);
    expect(out).toContain("base-13b");
  });

  test("is the plugin by the name kubectl-tanren", () => {
    expect(command("kubectl-tanren", "--help").out).toContain("Usage: kubectl tanren");
    // It reads a kubeconfig and asks the server that this names.
    writeFileSync(join(folder, "work/kubeconfig"), JSON.stringify(unreachable));
    const { code, error } = command("kubectl-tanren", "get", "--kubeconfig", "kubeconfig");
    expect(code).toBe(1);
    expect(error).toContain("the API server http://127.0.0.1:1 cannot be reached");
  });

  test("completes for kubectl by the name kubectl_complete-tanren", () => {
    const { out } = command("kubectl_complete-tanren", "des");
    expect(out).toMatch(/^describe\t.+\n:4\n$/);
  });

  test("has the page with it, and serves it until it is interrupted", async () => {
    writeFileSync(join(folder, "work/kubeconfig"), JSON.stringify(unreachable));
    const words = ["ui", "--no-open", "--kubeconfig", "kubeconfig"];
    const child = spawn(join(folder, "bin/tanren"), words, {
      cwd: join(folder, "work"),
      env: { HOME: join(folder, "home"), PATH: bare.join(":") },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    const [address] = await once(child.stdout.setEncoding("utf8"), "data");
    const page = await fetch(new URL("/", String(address)));
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("<title>Tanren")]);
    child.kill("SIGINT");
    expect(await ended).toBe(0);
  });

  test("says before a run on this machine how to get the kernels", () => {
    const { code, error } = command("tanren", "operator");
    expect(code).toBe(1);
    expect(error).toContain('run "tanren install-kernels"');
    expect(error).toContain(join(folder, "home/.local/share/tanren"));
  });

  test("installs for the kernels with no other Python than one that can run them", () => {
    const { code, error } = command("tanren", "install-kernels", "--python", "/bin/false");
    expect(code).toBe(1);
    expect(error).toContain("/bin/false is not a Python 3.11 or newer");
  });
});

describe("the plugin by krew", () => {
  const plugin = (...words: string[]) => run(join(folder, "krew/bin/kubectl-tanren"), words);
  const manifest = () => join(dist, "tanren.yaml");

  test(
    "is installed by a krew built from source",
    async () => {
      const krew = await krewPath();
      const words = ["install", `--manifest=${manifest()}`, `--archive=${join(dist, archive)}`];
      const { code, error } = run(krew, words, { KREW_ROOT: join(folder, "krew") });
      expect(code, error).toBe(0);
      expect(plugin("--version").out).toBe(`${version}\n`);
      expect(plugin("get", "--help").out).toContain("kubectl tanren get");
    },
    30 * 60_000,
  );

  test(
    "has a manifest that krew's own validator accepts",
    async () => {
      const validator = await krewValidatorPath();
      const { code, error } = run(validator, ["-manifest", manifest(), "-skip-install"]);
      expect(code, error).toBe(0);
    },
    30 * 60_000,
  );
});

test("npx runs the package in an empty directory, with nothing from a registry", () => {
  const path = [dirname(process.execPath), ...(process.env.PATH ?? "").split(":")].join(":");
  const words = ["--yes", "--offline", "--package", join(dist, `tanren-npm-${version}.tgz`)];
  expect(run("npx", [...words, "tanren", "--version"], { PATH: path })).toMatchObject({
    code: 0,
    out: `${version}\n`,
  });
  const plugin = run("npx", [...words, "kubectl-tanren", "--help"], { PATH: path });
  expect(plugin.out).toContain("Usage: kubectl tanren");
});

test("the packaged chart makes the same objects as the chart", () => {
  const rendered = (chart: string) => run(helm, ["template", "tanren", chart]).out;
  const chart = join(import.meta.dirname, "../../charts/tanren");
  const objects = rendered(join(dist, `tanren-${version}.tgz`));
  expect(objects).toContain("kind: Deployment");
  expect(objects).toBe(rendered(chart));
});

test("checksums are those of all the files beside them", () => {
  const check = spawnSync("sha256sum", ["--check", "SHA256SUMS"], { cwd: dist, encoding: "utf8" });
  expect(check.status, check.stderr).toBe(0);
  const summed = check.stdout
    .trim()
    .split("\n")
    .map((line) => line.split(":")[0]);
  const released = readdirSync(dist).filter((file) => !["SHA256SUMS", "tanren"].includes(file));
  expect(summed).toEqual(released.sort());
  const { spec } = parse(readFileSync(join(dist, "tanren.yaml"), "utf8"));
  expect(readFileSync(join(dist, "SHA256SUMS"), "utf8")).toContain(
    `${spec.platforms[0].sha256}  ${archive}\n`,
  );
});
