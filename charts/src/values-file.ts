import { Document, isMap, isScalar, type Pair, type YAMLMap } from "yaml";
import { z } from "zod";
import { groups, Values } from "./values.ts";

/** What people set values by: values.yaml, values.schema.json and the table of the README. */

type Schema = z.core.JSONSchema.BaseSchema;

export function valuesSchema(): Schema {
  // Draft 7: what every Helm 3 and 4 knows.
  return z.toJSONSchema(Values, {
    target: "draft-7",
    io: "input",
    override: ({ jsonSchema }) => unbounded(jsonSchema),
  });
}

/** zod bounds whole numbers by what JavaScript can count to, which tells nobody anything. */
function unbounded(schema: Schema): void {
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
}

/** The chart's defaults with a comment above every value. */
export function valuesYaml(): string {
  const document = new Document(Values.parse({}), { version: "1.1" });
  if (isMap(document.contents)) comment(document.contents, valuesSchema(), "");
  document.commentBefore =
    " Every value, with its default. Generated from charts/src/values.ts by `make generate`; do not edit.";
  return document.toString({ lineWidth: 0 });
}

function comment(map: YAMLMap, schema: Schema, path: string): void {
  for (const pair of map.items as Pair[]) {
    if (!isScalar(pair.key)) continue;
    const key = String(pair.key.value);
    const at = path === "" ? key : `${path}.${key}`;
    const property = propertyOf(schema, key);
    pair.key.commentBefore = groups[at] ? ` ${groups[at]}` : ` -- ${describedAs(property, at)}`;
    pair.key.spaceBefore = path === "";
    if (isMap(pair.value) && at in groups) comment(pair.value, property, at);
  }
}

/** Rows of [path, default, description] of every value. */
export function valuesTable(): [string, string, string][] {
  const rows = (defaults: object, schema: Schema, path: string): [string, string, string][] =>
    Object.entries(defaults).flatMap(([key, value]: [string, unknown]) => {
      const at = path === "" ? key : `${path}.${key}`;
      const property = propertyOf(schema, key);
      if (at in groups && typeof value === "object" && value !== null) return rows(value, property, at);
      return [[at, JSON.stringify(value), describedAs(property, at)]];
    });
  return rows(Values.parse({}), valuesSchema(), "");
}

function propertyOf(schema: Schema, key: string): Schema {
  const property = schema.properties?.[key];
  if (typeof property !== "object") throw new TypeError(`the schema of values has no ${key}`);
  return property;
}

function describedAs({ description }: Schema, path: string): string {
  if (description === undefined) throw new TypeError(`value ${path} has no description`);
  return description;
}
