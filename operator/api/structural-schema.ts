import { z } from "zod";
import type { CelRule } from "./fields.ts";

/** The subset of OpenAPI 3 that a CustomResourceDefinition's structural schema may use. */
export interface StructuralSchema {
  type?: string;
  format?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema;
  items?: StructuralSchema;
  required?: string[];
  anyOf?: { type: string }[];
  "x-kubernetes-validations"?: CelRule[];
  "x-kubernetes-list-type"?: string;
  "x-kubernetes-list-map-keys"?: string[];
  "x-kubernetes-preserve-unknown-fields"?: boolean;
  "x-kubernetes-int-or-string"?: boolean;
}

const kept = new Set<string>([
  ...[
    "type",
    "format",
    "description",
    "default",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
  ],
  ...[
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
    "x-kubernetes-validations",
    "x-kubernetes-list-type",
  ],
  ...["x-kubernetes-list-map-keys", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"],
]);

/** Structural schema of a zod schema: what a writer may state, so fields with a default are not required. */
export function structuralSchema(schema: z.ZodType): StructuralSchema {
  return structural(z.toJSONSchema(schema, { target: "openapi-3.0", io: "input", unrepresentable: "throw" }));
}

function structural(json: z.core.JSONSchema.BaseSchema): StructuralSchema {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(json)) if (kept.has(key)) out[key] = value;
  if (json.type === "integer") {
    out.format = "int64";
    if (json.maximum === Number.MAX_SAFE_INTEGER) delete out.maximum;
    if (json.minimum === Number.MIN_SAFE_INTEGER) delete out.minimum;
  }
  // Bounds of both kinds of value stand side by side: each binds its own.
  if (out["x-kubernetes-int-or-string"]) {
    for (const choice of json.anyOf ?? []) {
      const { type: _, format: __, ...bounds } = structural(asSchema(choice));
      Object.assign(out, bounds);
    }
    out.anyOf = [{ type: "integer" }, { type: "string" }];
  }
  const { properties, additionalProperties, items } = json;
  // The API server drops an empty map, and tools that compare would see a difference for ever.
  if (properties && Object.keys(properties).length > 0) {
    out.properties = Object.fromEntries(
      Object.entries(properties).map(([name, property]) => [name, structural(asSchema(property))]),
    );
  } else if (typeof additionalProperties === "object" && Object.keys(additionalProperties).length > 0) {
    out.additionalProperties = structural(additionalProperties);
  }
  if (items) out.items = structural(asSchema(items));
  return out as StructuralSchema;
}

function asSchema(value: unknown): z.core.JSONSchema.BaseSchema {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new TypeError("schema of one type expected");
  return value as z.core.JSONSchema.BaseSchema;
}
