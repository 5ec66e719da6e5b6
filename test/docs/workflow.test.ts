import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { codeSpans, commands, pages, prose, read, repository } from "./markdown.ts";

const targets = new Set([...read("Makefile").matchAll(/^([a-z0-9-]+):/gm)].map(([, name]) => name));

const Workflow = z.object({
  jobs: z.record(z.string(), z.object({ steps: z.array(z.object({ run: z.string().optional() })) })),
});

const workflows = [".github/workflows/ci.yaml", ".github/workflows/release.yaml"];

test.each(workflows)("%s does nothing but call make targets that exist", (file) => {
  const { jobs } = Workflow.parse(parse(read(file)));
  const runs = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
  expect(runs.length).toBeGreaterThan(2);
  const made = runs.map(
    (run) => run.match(/^(?:sudo --preserve-env env "PATH=\$PATH" )?make ([a-z0-9-]+)$/)?.[1],
  );
  expect(made.filter((target) => target === undefined || !targets.has(target))).toEqual([]);
});

test.each([...workflows, ".github/actions/toolchain/action.yaml"])(
  "%s takes other people's actions by commit, with the version beside it",
  (file) => {
    const uses = [...read(file).matchAll(/\buses: (.+)$/gm)]
      .map(([, action = ""]) => action)
      .filter((action) => !action.startsWith("./"));
    expect(uses).not.toEqual([]);
    expect(uses.filter((action) => !/^[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action))).toEqual([]);
  },
);

test.each(pages)("%s names make targets that exist", (page) => {
  const text = read(page);
  const named = [...commands(text), ...codeSpans(prose(text).join("\n"))].flatMap((line) => [
    ...line.matchAll(/\bmake (?:-\S+ )*([a-z0-9-]+)/g),
  ]);
  expect(named.map(([, target]) => target).filter((target) => !targets.has(target))).toEqual([]);
});

test("programs that make starts exist", () => {
  const programs = [...read("Makefile").matchAll(/[\w./-]+\.(?:ts|py|sh)(?=\s|$)/gm)].map(([path]) => path);
  expect(programs).toContain("operator/manager.ts");
  expect(programs.filter((path) => !existsSync(join(repository, path)))).toEqual([]);
});

test("npm scripts call make, and nothing else", () => {
  const { scripts } = z
    .object({ scripts: z.record(z.string(), z.string()) })
    .parse(JSON.parse(read("package.json")));
  for (const [name, script] of Object.entries(scripts)) expect(script, name).toBe(`make ${name}`);
  expect(Object.keys(scripts).filter((name) => !targets.has(name))).toEqual([]);
});

test("make help tells every target of what it does", () => {
  const help = execFileSync("make", ["help"], { cwd: repository, encoding: "utf8" });
  const silent = [...targets].filter((target) => target !== "build" && !help.includes(`  ${target} `));
  expect(silent).toEqual([]);
});
