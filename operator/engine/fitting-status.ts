import type { z } from "zod";
import { type StructuralSchema, structuralSchema } from "../api/structural-schema.ts";
import { plainText } from "../cluster/plain-text.ts";

/**
 * A status that the API server takes, whatever programs and estimates came up with: a status that is refused
 * tells nobody anything, and is refused again at every look.
 */

export interface Fitted {
  status: unknown;
  /** What was left out, as `field: why`. */
  leftOut: string[];
}

const schemas = new WeakMap<z.ZodType, StructuralSchema>();

function cachedSchema(status: z.ZodType): StructuralSchema {
  const schema = schemas.get(status) ?? structuralSchema(status);
  schemas.set(status, schema);
  return schema;
}

/**
 * The status with every value left out that the kind's schema does not allow where it stands, and cut to what
 * it has room for.
 */
export function fitStatus(schema: z.ZodType, status: unknown): Fitted {
  const leftOut: string[] = [];
  const fitted = fitValue(cachedSchema(schema), status, "status", leftOut);
  return { status: fitted ?? {}, leftOut };
}

/** Undefined for what does not fit; `leftOut` says why. */
function fitValue(schema: StructuralSchema, value: unknown, path: string, leftOut: string[]): unknown {
  const problem = problemOf(schema, value);
  if (problem !== undefined) {
    leftOut.push(`${path}: ${problem}`);
    return undefined;
  }
  if (Array.isArray(value)) return fitList(schema, value, path, leftOut);
  if (typeof value === "object" && value !== null) return fitMap(schema, value, path, leftOut);
  return typeof value === "string" ? fitText(schema, value, path, leftOut) : value;
}

/** A sentence that is too long is cut. Half a pair of UTF-16 would come back as another character. */
function fitText(
  { maxLength = Number.POSITIVE_INFINITY }: StructuralSchema,
  value: string,
  path: string,
  leftOut: string[],
): string {
  if (value.length <= maxLength) return value.toWellFormed();
  leftOut.push(`${path}: what is beyond ${maxLength} characters`);
  return plainText(value, maxLength);
}

/** The first so many. */
function within<T>(all: readonly T[], most = all.length, path: string, leftOut: string[]): readonly T[] {
  if (all.length > most) leftOut.push(`${path}: what is beyond ${most} entries`);
  return all.slice(0, most);
}

function fitMap(schema: StructuralSchema, value: object, path: string, leftOut: string[]): unknown {
  const entries = within(Object.entries(value), schema.maxProperties, path, leftOut).flatMap(
    ([name, entry]) => {
      const property = schema.properties?.[name] ?? schema.additionalProperties;
      // What the schema does not know the API server forgets by itself.
      const fitted = property ? fitValue(property, entry, `${path}.${name}`, leftOut) : entry;
      return fitted === undefined ? [] : [[name, fitted] as const];
    },
  );
  const there = new Set(entries.map(([name]) => name));
  const missing = schema.required?.filter((name) => !there.has(name)) ?? [];
  if (missing.length === 0) return Object.fromEntries(entries);
  leftOut.push(`${path}: ${missing.join(", ")} missing`);
  return undefined;
}

function fitList(
  schema: StructuralSchema,
  value: readonly unknown[],
  path: string,
  leftOut: string[],
): unknown[] {
  const { items, "x-kubernetes-list-map-keys": keys = [] } = schema;
  const seen = new Set<string>();
  return within(value, schema.maxItems, path, leftOut).flatMap((entry, index) => {
    const here = `${path}[${index}]`;
    const fitted = items ? fitValue(items, entry, here, leftOut) : entry;
    if (fitted === undefined) return [];
    if (keys.length === 0) return [fitted];
    const key = JSON.stringify(keys.map((name) => (fitted as Record<string, unknown>)[name]));
    if (seen.has(key)) {
      leftOut.push(`${here}: a second entry of the key ${key}`);
      return [];
    }
    seen.add(key);
    return [fitted];
  });
}

const dateTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

function problemOf(schema: StructuralSchema, value: unknown): string | undefined {
  const type = typeOf(value);
  if (schema.type !== undefined && schema.type !== type && !(schema.type === "number" && type === "integer"))
    return `${show(value)} is no ${schema.type}`;
  if (typeof value === "string" && schema.format === "date-time" && !isDateTime(value))
    return `${show(value)} is no RFC 3339 time`;
  if (typeof value === "number" && (value < (schema.minimum ?? value) || value > (schema.maximum ?? value)))
    return `${value} is out of range`;
  if (schema.enum !== undefined && !schema.enum.includes(value))
    return `${show(value)} is none of the values`;
  return undefined;
}

const isDateTime = (text: string) => dateTime.test(text) && !Number.isNaN(Date.parse(text));

/** Of numbers only those are integers that an int64 holds. */
function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (value === null) return "null";
  return Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 63 ? "integer" : typeof value;
}

const show = (value: unknown) => String(JSON.stringify(value)).slice(0, 60);
