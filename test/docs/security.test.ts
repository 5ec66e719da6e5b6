import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codeSpans, read, repository, tableRows } from "./markdown.ts";

/** Every case of the threat model names a test that is there. */

const cases = tableRows(read("docs/security.md"))
  .filter(([name]) => name !== "case")
  .map((cells) => [cells[0] ?? "", cells.at(-1) ?? ""] as const);

test("there are cases", () => {
  expect(cases.length).toBeGreaterThan(15);
});

test.each(cases)("%s", (_, cell) => {
  const [span = ""] = codeSpans(cell);
  const [file = "", ...name] = span.split(": ");
  expect(existsSync(join(repository, file)), `${file} is no file`).toBe(true);
  expect(readFileSync(join(repository, file), "utf8")).toContain(`"${name.join(": ")}"`);
});
