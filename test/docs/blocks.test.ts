import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { Values } from "../../charts/src/values.ts";
import { tanrenProgram } from "../../operator/cli/entry.ts";
import { parseReference } from "../../operator/cli/kinds.ts";
import { loadManifests } from "../../operator/cli/manifests/load.ts";
import type { Program } from "../../operator/cli/target/flags.ts";
import { planManifests } from "../../operator/planning/manifests.ts";
import { blocks, executedPages, guideManifests, placeOf, shellLines, wordsOf } from "./blocks.ts";
import { pages, read, repository } from "./markdown.ts";

/** What can be said of the code in README and guides without running it. */

const directory = mkdtempSync(join(tmpdir(), "tanren-docs-"));
afterAll(() => rmSync(directory, { recursive: true }));
const load = (paths: string[]) => loadManifests(paths, { namespace: "default", hasLocalPaths: false });

/** Parses a command line as the command does, without acting. */
async function parseLine(program: Program, words: readonly string[]): Promise<Command | undefined> {
  let parsed: Command | undefined;
  const root = tanrenProgram(program);
  for (const command of root.commands)
    command.configureOutput({ writeErr() {}, outputError() {} }).action((...input: unknown[]) => {
      parsed = input.at(-1) as Command;
    });
  await root.configureOutput({ writeErr() {}, outputError() {} }).parseAsync(words, { from: "user" });
  return parsed;
}

/** Command lines of ours: in blocks, and in `code` that begins with the name and a subcommand. */
const ours = pages.flatMap((page) =>
  blocks(page)
    .filter(({ language }) => language === "")
    .flatMap(shellLines)
    .concat([...read(page).matchAll(/`((?:bin\/|kubectl )?tanren [^`]+)`/g)].map(([, code = ""]) => code))
    .filter((line) => /^(bin\/|kubectl )?tanren [a-z]/.test(line))
    .map((line) => [page, line] as const),
);

/** Said of a command, not a command line: `tanren run` alone lacks what it requires. */
const isMention = (line: string) => wordsOf(line.replace(/^kubectl /, "")).length === 2;

test("there are lines of ours to look at", () => expect(ours.length).toBeGreaterThan(30));

test.each(ours)("%s: %s is a command line that exists", async (_, line) => {
  const plugin = line.startsWith("kubectl ");
  const [, ...words] = wordsOf(line.replace(/^kubectl /, "").split(" | ")[0] ?? "");
  const program = tanrenProgram(plugin ? "kubectl tanren" : "tanren");
  if (isMention(line)) return expect(program.commands.map((command) => command.name())).toContain(words[0]);
  expect(await parseLine(plugin ? "kubectl tanren" : "tanren", words)).toBeDefined();
});

describe.each(executedPages)("%s", (page) => {
  const shell = blocks(page).filter(({ language }) => language === "");

  test("has a place for every line, or a reason why it is not run", () => {
    expect(shell.flatMap(shellLines).filter((line) => placeOf(line) === undefined)).toEqual([]);
  });

  test("has blocks of a language that somebody reads", () => {
    expect(blocks(page).filter(({ language }) => !["", "yaml"].includes(language))).toEqual([]);
  });

  test("names files that are there", () => {
    const named = shell.flatMap(shellLines).flatMap(wordsOf);
    const paths = named.filter((word) => /^(charts|examples|bin|docs|crds)\//.test(word));
    expect(paths.filter((path) => !existsSync(join(repository, path)))).toEqual([]);
  });
});

describe("manifests of the guides", () => {
  const file = join(directory, "guides.yaml");

  test("go together, and fit what they ask for", async () => {
    writeFileSync(file, guideManifests());
    const manifests = await load([file]);
    expect(new Set(manifests.map(({ object }) => object.kind)).size).toBe(7);
    const ours = manifests.filter(({ kind }) => kind !== undefined).map(({ object }) => object);
    expect(planManifests(ours).flatMap(({ problems }) => problems)).toEqual([]);
  });

  test("are those that the lines on a cluster name", async () => {
    const guides = await load([file]);
    const programme = await load([join(repository, "examples/programme-a")]);
    const missing = executedPages.flatMap((page) => {
      const there = page === "README.md" ? programme : guides;
      return blocks(page)
        .filter(({ language }) => language === "")
        .flatMap(shellLines)
        .filter((line) => /^kubectl tanren (describe|logs|delete|suspend|resume|scale|export) /.test(line))
        .filter((line) => {
          const [, , , kindOrBoth = "", second = ""] = wordsOf(line);
          const both = kindOrBoth.includes("/");
          if (!both && second.startsWith("-")) return false;
          const { kind, name } = both ? parseReference(kindOrBoth) : parseReference(kindOrBoth, second);
          return !there.some(
            ({ object }) => object.kind === kind.resource.kind && object.metadata.name === name,
          );
        });
    });
    expect(missing).toEqual([]);
  });
});

const values = executedPages
  .flatMap(blocks)
  .filter(({ language, text }) => language === "yaml" && !text.includes("apiVersion:"))
  .map(({ page, line, text }) => [`${page}:${line}`, text] as const);

test.each(values)("%s holds values that the chart has", (_, text) => {
  // An ellipsis stands for a digest.
  expect(() => Values.parse(parse(text.replaceAll("…", "0".repeat(64))))).not.toThrow();
});
