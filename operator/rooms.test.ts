import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { z } from "zod";

/** The linter's rules and the table that people read say the same of what a room stands on. */
const root = fileURLToPath(new URL("..", import.meta.url));

const Override = z.object({
  includes: z.array(z.string()),
  linter: z.object({
    rules: z.object({
      style: z.object({
        noRestrictedImports: z.object({
          options: z.object({
            patterns: z.array(z.object({ group: z.array(z.string()), message: z.string() })),
          }),
        }),
      }),
    }),
  }),
});
const Lint = z.object({ overrides: z.array(Override) });

const folders = readdirSync(`${root}operator`, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** Rooms that a room may import, by the linter: those it does not forbid. */
function standsOn(room: string): string[] {
  const { overrides } = Lint.parse(JSON.parse(readFileSync(`${root}biome.json`, "utf8")));
  const own = overrides.find(({ includes }) => includes[0] === `operator/${room}/**/*.ts`);
  const [pattern = ""] = own?.linter.rules.style.noRestrictedImports.options.patterns[0]?.group ?? [];
  const forbidden: readonly string[] = pattern.match(/[a-z-]+/g) ?? [];
  return folders.filter((other) => other !== room && !forbidden.includes(other)).toSorted();
}

/** The same by the table in CONTRIBUTING.md: | `operator/room` | what it is about | stands on |. */
function written(room: string): string[] {
  const lines = readFileSync(`${root}CONTRIBUTING.md`, "utf8").split("\n");
  const row = lines.find((line) => line.startsWith(`| \`operator/${room}\` |`));
  const cell = row?.split("|")[3] ?? "no row";
  return [...cell.matchAll(/[a-z-]+/g)].map(([name]) => name).toSorted();
}

test.each(folders.filter((room) => room !== "testing"))(
  "operator/%s stands on what CONTRIBUTING.md says",
  (room) => {
    expect(written(room)).toEqual(standsOn(room));
  },
);

test("no room but tests imports operator/testing", () => {
  const open = folders.filter((room) => room !== "testing" && standsOn(room).includes("testing"));
  expect(open).toEqual([]);
});
