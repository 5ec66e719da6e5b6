import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { read } from "./markdown.ts";

const targets = new Set([...read("Makefile").matchAll(/^([a-z0-9-]+):/gm)].map(([, name]) => name));

const Workflow = z.object({
  jobs: z.record(z.string(), z.object({ steps: z.array(z.object({ run: z.string().optional() })) })),
});

test("the workflow does nothing but call make targets that exist", () => {
  const { jobs } = Workflow.parse(parse(read(".github/workflows/ci.yaml")));
  const runs = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
  expect(runs.length).toBeGreaterThan(2);
  const made = runs.map((run) => run.match(/^(?:sudo --preserve-env=\S+ )?make ([a-z0-9-]+)$/)?.[1]);
  expect(made.filter((target) => target === undefined || !targets.has(target))).toEqual([]);
});

test("npm scripts call make, and nothing else", () => {
  const { scripts } = z
    .object({ scripts: z.record(z.string(), z.string()) })
    .parse(JSON.parse(read("package.json")));
  for (const [name, script] of Object.entries(scripts)) expect(script, name).toBe(`make ${name}`);
  expect(Object.keys(scripts).filter((name) => !targets.has(name))).toEqual([]);
});

test("make help tells every target of what it does", () => {
  const help = execFileSync("make", ["help"], { cwd: `${import.meta.dirname}/../..`, encoding: "utf8" });
  const silent = [...targets].filter((target) => target !== "build" && !help.includes(`  ${target} `));
  expect(silent).toEqual([]);
});
