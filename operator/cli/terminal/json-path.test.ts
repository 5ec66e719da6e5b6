import { describe, expect, test } from "vitest";
import { kinds } from "../kinds.ts";
import { readPath } from "./json-path.ts";

const object = {
  metadata: { name: "base", annotations: { "a.b/c": "x" } },
  status: {
    conditions: [
      { type: "Ready", status: "False" },
      { type: "Succeeded", status: "True" },
    ],
    replicas: 0,
  },
};

describe("readPath", () => {
  test.each([
    [".metadata.name", "base"],
    [".status.replicas", 0],
    [".status.conditions[1].type", "Succeeded"],
    ['.status.conditions[?(@.type=="Succeeded")].status', "True"],
    [".status.conditions[?(@.type=='Ready')].status", "False"],
    [".metadata.annotations['a.b/c']", "x"],
  ])("%s leads to its value", (path, value) => {
    expect(readPath(path, object)).toBe(value);
  });

  test.each([
    ".spec.model",
    ".metadata.name.first",
    '.status.conditions[?(@.type=="Passed")].status',
    ".status.conditions[7].type",
    ".metadata.toString",
  ])("%s leads nowhere", (path) => {
    expect(readPath(path, object)).toBeUndefined();
  });

  test.each(["metadata", "..name", ".a[*]", ".a[?(@.b>1)]"])("%s is outside the subset", (path) => {
    expect(() => readPath(path, object)).toThrow(SyntaxError);
  });

  test("every printer column of every kind is inside the subset", () => {
    for (const column of kinds.flatMap((kind) => kind.columns))
      expect(() => readPath(column.jsonPath, {})).not.toThrow();
  });
});
