import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runPhases } from "./reconcile.ts";

test("docs/architecture.md lists the phases of a run in their order, with what holds after each", () => {
  const page = readFileSync(fileURLToPath(new URL("../../docs/architecture.md", import.meta.url)), "utf8");
  const rows = [...page.matchAll(/^ {3}\| ([a-z]+) \| (.+) \|$/gm)].map(([, name, invariant]) => ({
    name,
    invariant,
  }));
  const listed = rows.filter(({ name }) => name !== "phase");
  expect(listed).toEqual(runPhases.map(({ name, invariant }) => ({ name, invariant })));
});
