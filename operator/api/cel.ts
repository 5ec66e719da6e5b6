import { Environment } from "@marcbachmann/cel-js";
import { Quantity } from "../cluster/quantity.ts";
import { type CelRule, fieldOf } from "./fields.ts";
import type { StructuralSchema } from "./structural-schema.ts";

/**
 * Evaluates the CEL rules of a structural schema as the API server does, for the adapter that has no API
 * server.
 */

const environment = new Environment({ unlistedVariablesAreDyn: true })
  .registerFunction("list.sum(): dyn", (list: bigint[] | number[]) =>
    list.every((value) => typeof value === "number")
      ? list.reduce((sum, value) => sum + value, 0)
      : list.reduce((sum, value) => sum + BigInt(value), 0n),
  )
  // The part of Kubernetes' quantity library that our rules use.
  .registerType("Quantity", Quantity)
  .registerFunction("isQuantity(string): bool", (text: string) => Quantity.parse(text) !== undefined)
  .registerFunction("quantity(string): Quantity", quantityOf)
  .registerFunction("Quantity.compareTo(Quantity): int", (one: Quantity, other: Quantity) =>
    BigInt(one.compareTo(other)),
  )
  .registerFunction("Quantity.asApproximateFloat(): double", ({ value }: Quantity) => value);

function quantityOf(text: string): Quantity {
  const quantity = Quantity.parse(text);
  if (quantity === undefined) throw new RangeError(`${JSON.stringify(text)} is no quantity`);
  return quantity;
}

export interface Refusal {
  field: string;
  message: string;
}

/** Refusals of `value` (and of its change from `old`) by the rules found anywhere in the schema. */
export function refusals(schema: StructuralSchema, value: unknown, old: unknown, field: string): Refusal[] {
  const found = (schema["x-kubernetes-validations"] ?? []).filter((rule) => !holds(rule, schema, value, old));
  const here = found.map((rule) => ({ field: fieldOf(rule, field), message: rule.message }));
  return [...here, ...children(schema, value, old, field)];
}

function children(schema: StructuralSchema, value: unknown, old: unknown, field: string): Refusal[] {
  if (Array.isArray(value)) {
    const item = schema.items;
    // Items of a list have no counterpart in the old list unless it is a map; no rule here needs one.
    return item
      ? value.flatMap((entry, index) => refusals(item, entry, undefined, `${field}[${index}]`))
      : [];
  }
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([name, entry]) => {
    const property = schema.properties?.[name] ?? schema.additionalProperties;
    const before =
      old !== null && typeof old === "object" ? (old as Record<string, unknown>)[name] : undefined;
    return property ? refusals(property, entry, before, field === "" ? name : `${field}.${name}`) : [];
  });
}

function holds(rule: CelRule, schema: StructuralSchema, value: unknown, old: unknown): boolean {
  const usesOld = /\boldSelf\b/.test(rule.rule);
  if (usesOld && old === undefined) return true;
  const self = toCel(schema, value);
  return environment.evaluate(rule.rule, usesOld ? { self, oldSelf: toCel(schema, old) } : { self }) === true;
}

const isInteger = (schema: StructuralSchema | undefined) =>
  schema?.type === "integer" || schema?.["x-kubernetes-int-or-string"] === true;

/** CEL tells integers from doubles; JSON does not, the schema does. */
function toCel(schema: StructuralSchema | undefined, value: unknown): unknown {
  if (typeof value === "number") return isInteger(schema) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map((entry) => toCel(schema?.items, entry));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [
      name,
      toCel(schema?.properties?.[name] ?? schema?.additionalProperties, entry),
    ]),
  );
}
