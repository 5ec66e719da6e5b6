import { describe, expect, test } from "vitest";
import { customResourceDefinition } from "./crd.ts";
import { kinds } from "./kinds.ts";
import { type StructuralSchema, structuralSchema } from "./structural-schema.ts";

function walk(
  schema: StructuralSchema,
  path: string,
  visit: (schema: StructuralSchema, path: string) => void,
): void {
  visit(schema, path);
  for (const [name, field] of Object.entries(schema.properties ?? {})) walk(field, `${path}.${name}`, visit);
  if (schema.items) walk(schema.items, `${path}[]`, visit);
  if (schema.additionalProperties) walk(schema.additionalProperties, `${path}{}`, visit);
}

/** Fields that say how long nothing: cost estimates of CEL, the store and the cache of the operator pay for it. */
function unboundedBelow(root: StructuralSchema, name: string): string[] {
  const found: string[] = [];
  walk(root, name, (schema, path) => {
    const { type, maxLength, maxItems, maxProperties } = schema;
    if (type === "string" && !schema.enum && maxLength === undefined) found.push(path);
    if (type === "array" && maxItems === undefined) found.push(path);
    const isMap = schema.additionalProperties ?? schema["x-kubernetes-preserve-unknown-fields"];
    if (isMap && maxProperties === undefined) found.push(path);
  });
  return found;
}

test("an unbounded field is found wherever it stands", () => {
  const inner: StructuralSchema = {
    type: "object",
    properties: {
      text: { type: "string" },
      list: {
        type: "array",
        items: { type: "object", additionalProperties: { type: "string", maxLength: 1 } },
      },
    },
  };
  expect(unboundedBelow({ type: "object", properties: { inner } }, "spec")).toEqual([
    "spec.inner.text",
    "spec.inner.list",
    "spec.inner.list[]",
  ]);
});

describe.each(kinds.map((kind) => [kind.resource.kind, kind] as const))("%s", (_, kind) => {
  const spec = structuralSchema(kind.spec);
  const status = structuralSchema(kind.status);

  test("every schema node has a type, as structural schemas must", () => {
    const untyped: string[] = [];
    for (const [name, root] of Object.entries({ spec, status }))
      walk(root, name, (schema, path) => {
        if (schema.type === undefined && !schema["x-kubernetes-int-or-string"]) untyped.push(path);
      });
    expect(untyped).toEqual([]);
  });

  test("every field is described", () => {
    const silent: string[] = [];
    for (const [name, root] of Object.entries({ spec, status }))
      walk(root, name, (schema, path) => {
        for (const [field, inner] of Object.entries(schema.properties ?? {}))
          if (!inner.description) silent.push(`${path}.${field}`);
      });
    expect(silent).toEqual([]);
  });

  test("every string, list and map of spec and status is bounded", () => {
    expect(unboundedBelow(spec, "spec")).toEqual([]);
    expect(unboundedBelow(status, "status")).toEqual([]);
  });

  test("no floating-point field", () => {
    const floats: string[] = [];
    for (const root of [spec, status])
      walk(root, "", (schema, path) => {
        if (schema.type === "number") floats.push(path);
      });
    expect(floats).toEqual([]);
  });

  test("printer columns point at fields that the schema has", () => {
    const properties = { spec, status } as Record<string, StructuralSchema>;
    for (const column of kind.columns.filter((column) => !column.jsonPath.startsWith(".metadata"))) {
      const names = column.jsonPath
        .replace(/\[\?[^\]]*\]/g, "[]")
        .split(".")
        .filter(Boolean);
      let node: StructuralSchema | undefined = { properties };
      for (const name of names) {
        node = node?.properties?.[name.replace("[]", "")];
        if (name.endsWith("[]")) node = node?.items;
      }
      expect(node, column.jsonPath).toBeDefined();
    }
  });

  test("it has a status subresource, the category tanren, and a root condition column", () => {
    const crd = customResourceDefinition(kind);
    expect(crd).toMatchObject({
      spec: { names: { categories: ["tanren"] }, versions: [{ subresources: { status: {} } }] },
    });
    expect(kind.columns.map((column) => column.name)).toContain(kind.changes ? "Succeeded" : "Ready");
  });
});
