import { expect, test } from "vitest";
import { apiReference } from "./api-reference.ts";
import { OperatorConfiguration } from "./configuration.ts";
import { kinds } from "./kinds.ts";

test("every field of the kinds and of the configuration has a meaning", () => {
  const rows = apiReference(kinds, OperatorConfiguration)
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  expect(rows.length).toBeGreaterThan(300);
  expect(rows.filter((row) => row.endsWith("|  |"))).toEqual([]);
});
