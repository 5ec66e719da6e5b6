import type { KindDefinition } from "../../operator/api/kinds.ts";
import { type StructuralSchema, structuralSchema } from "../../operator/api/structural-schema.ts";
import { samples } from "../../operator/testing/samples.ts";

/**
 * What people may declare, after Acto (Gu et al. 2023, "Acto: Automatic End-to-End Testing for Operation
 * Correctness of Cloud System Management"): every field of a kind's spec, one at a time, at its bounds, beyond
 * them, empty, null, removed, of another type, huge, in other scripts.
 */

export interface Declaration {
  kind: string;
  /** `spec.sources[0].name` */
  field: string;
  value: unknown;
  spec: Record<string, unknown>;
}

type Path = readonly (string | number)[];

/** Stands for a field that is taken away. */
const removed = Symbol("removed");

export function declarationsOf(kind: KindDefinition): Declaration[] {
  const schema = structuralSchema(kind.spec);
  const name = kind.resource.kind;
  return [...fieldsOf(schema, [], name)].flatMap(({ path, schema: field }) =>
    valuesFor(field).map((value) => ({
      kind: name,
      field: `spec${path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("")}`,
      value: value === removed ? undefined : value,
      spec: withValue(schema, samples[name] ?? {}, path, value) as Record<string, unknown>,
    })),
  );
}

/** The scheduler's own part of a spec is the same in every kind, and has two thirds of all fields. */
const sameEverywhere = "affinity";

function* fieldsOf(
  schema: StructuralSchema,
  path: Path,
  kind: string,
): Generator<{ path: Path; schema: StructuralSchema }> {
  if (path.length > 0) yield { path, schema };
  if (path.at(-1) === sameEverywhere && kind !== "PretrainRun") return;
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    yield* fieldsOf(property, [...path, name], kind);
  if (schema.items) yield* fieldsOf(schema.items, [...path, 0], kind);
  if (schema.additionalProperties) yield* fieldsOf(schema.additionalProperties, [...path, "key"], kind);
}

/** The spec with the value at the path; what must stand beside it is made up. */
function withValue(schema: StructuralSchema, spec: unknown, path: Path, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (typeof step === "number") {
    const list = Array.isArray(spec) ? [...spec] : [];
    const item = schema.items ?? {};
    list[step] = withValue(item, list[step] ?? smallest(item), rest, value);
    return value === removed && rest.length === 0 ? list.toSpliced(step, 1) : list;
  }
  const map = { ...(typeof spec === "object" && spec !== null ? spec : {}) } as Record<string, unknown>;
  if (value === removed && rest.length === 0) {
    delete map[step];
    return map;
  }
  const property = schema.properties?.[step] ?? schema.additionalProperties ?? {};
  map[step] = withValue(property, map[step] ?? smallest(property), rest, value);
  return map;
}

/** The least that the schema takes. */
function smallest(schema: StructuralSchema): unknown {
  if (schema.default !== undefined) return schema.default;
  if (schema.enum !== undefined) return schema.enum[0];
  switch (schema.type) {
    case "object":
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [name, smallest(schema.properties?.[name] ?? {})]),
      );
    case "array":
      return Array.from({ length: schema.minItems ?? 0 }, () => smallest(schema.items ?? {}));
    case "integer":
      return Math.max(schema.minimum ?? 1, 1);
    case "boolean":
      return false;
    default:
      return plain.find((text) => fits(schema, text)) ?? "a";
  }
}

const plain = ["a", "1", "0.5", "1Gi"];

const fits = (
  { pattern, minLength = 0, maxLength = Number.POSITIVE_INFINITY }: StructuralSchema,
  text: string,
) =>
  text.length >= minLength &&
  text.length <= maxLength &&
  (pattern === undefined || new RegExp(pattern).test(text));

const anywhere: readonly unknown[] = [removed, null, {}, [], true, 0, "", { unknown: 1 }];

function valuesFor(schema: StructuralSchema): unknown[] {
  return [...anywhere, ...valuesOfType(schema)];
}

function valuesOfType(schema: StructuralSchema): unknown[] {
  if (schema.enum !== undefined) return [...schema.enum, `${schema.enum[0]}x`, "日本語"];
  if (schema["x-kubernetes-int-or-string"])
    return [
      ...["0%", "1%", "25%", "100%", "101%", "999%", "1000%", "-1%", "1.5%", "%", "25 %"],
      ...["integer", "string"].flatMap((type) =>
        valuesOfType({ ...schema, type, "x-kubernetes-int-or-string": false }),
      ),
    ];
  switch (schema.type) {
    case "integer": {
      const { minimum = 0, maximum = 2 ** 53 - 1 } = schema;
      return [minimum, minimum - 1, minimum + 1, maximum, maximum + 1, -1, 7, 1.5, 1e30, "7"];
    }
    case "boolean":
      return [true, false, "true", 1];
    case "array": {
      const item = smallest(schema.items ?? {});
      const { maxItems = 100 } = schema;
      return [[item], [item, item], Array(Math.min(maxItems + 1, 1100)).fill(item), { 0: item }, [null], "a"];
    }
    case "object":
      return schema.additionalProperties
        ? [
            { a: smallest(schema.additionalProperties) },
            { "": "a" },
            { 日本: "語" },
            { "a/b": "c", "no good": "d" },
            Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`k${at}`, "v"])),
          ]
        : [smallest(schema), "a", [smallest(schema)]];
    default:
      return [...texts, "x".repeat(schema.maxLength ?? 300), "x".repeat((schema.maxLength ?? 300) + 1)];
  }
}

/** Of quantities, decimals, names and paths alike: what one takes another must refuse. */
const texts = [
  ...[
    "a",
    "a-b",
    "A_B",
    "a.b",
    "-a",
    "日本語",
    "ガ\u0301",
    "\u0000",
    "a\nb",
    " a ",
    "💥",
    "x".repeat(100_000),
  ],
  ...["0", "1", "-1", "1.5", "1e3", "1e-400", "9".repeat(30), "NaN", "0x10", "1_000"],
  ...["0.5", "1m", "1Gi", "1E", "1e3Gi", "0.0001", "1500", "9999999Ti", "100Ki"],
  ...["../up", "/root", "a/b", "a/../b", ".", "a//b", "\\a", "**/*", "[", "(?"],
];
