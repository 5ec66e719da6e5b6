import type { z } from "zod";
import { InvalidError } from "../cluster/port.ts";
import { type Refusal, refusals } from "./cel.ts";
import { objectName } from "./fields.ts";
import { type KindDefinition, rootRules, type TanrenObject } from "./kinds.ts";
import { type StructuralSchema, structuralSchema } from "./structural-schema.ts";

/**
 * What the API server does with an object of one of the six kinds before it stores it: strict schema,
 * defaults, CEL.
 */

export interface Candidate {
  metadata: { name: string; namespace: string };
  spec?: unknown;
}

const schemas = new Map<KindDefinition, StructuralSchema>();

/** Schema over metadata, spec and status, as far as rules look at them. */
function schemaOf(kind: KindDefinition): StructuralSchema {
  const known = schemas.get(kind);
  if (known) return known;
  const made: StructuralSchema = {
    type: "object",
    properties: { spec: structuralSchema(kind.spec), status: structuralSchema(kind.status) },
    "x-kubernetes-validations": rootRules(kind),
  };
  schemas.set(kind, made);
  return made;
}

const nameRefusal: Refusal = {
  field: "metadata.name",
  message: "must be at most 63 lower-case letters, digits and dashes; choose another name",
};

/** The spec with its defaults. Throws InvalidError naming every field that is wrong. */
export function admit(kind: KindDefinition, candidate: Candidate, old?: TanrenObject): unknown {
  const parsed = kind.spec.safeParse(withoutNulls(candidate.spec ?? {}), { reportInput: true });
  const name = `${candidate.metadata.namespace}/${candidate.metadata.name}`;
  const misnamed = old === undefined && !objectName().safeParse(candidate.metadata.name).success;
  if (misnamed || !parsed.success)
    throw new InvalidError(kind.resource.kind, name, [
      ...(misnamed ? [nameRefusal] : []),
      ...(parsed.error?.issues.flatMap(causesOf) ?? []),
    ]);
  const whole = { spec: parsed.data, ...(old?.status && { status: old.status }) };
  // An API server keeps list items without defaults.
  const before = old && { spec: kind.spec.safeParse(old.spec).data ?? old.spec, status: old.status };
  const causes = refusals(schemaOf(kind), whole, before, "");
  if (causes.length > 0) throw new InvalidError(kind.resource.kind, name, causes);
  return parsed.data;
}

/** A field that is null counts as absent, such as one that YAML gives no value. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, entry]) => (entry === null ? [] : [[name, withoutNulls(entry)]])),
  );
}

function causesOf(issue: z.core.$ZodIssue): Refusal[] {
  const path = (...more: PropertyKey[]) =>
    ["spec", ...issue.path, ...more]
      .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
      .join("")
      .slice(1);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        field: path(key),
        message: "unknown field; see docs/reference.md for the fields there are",
      }));
    case "invalid_type":
      return [{ field: path(), message: issue.input === undefined ? "required" : typeMessage(issue) }];
    case "invalid_value":
      return [{ field: path(), message: `must be one of ${issue.values.map(String).join(", ")}` }];
    case "invalid_format":
      return [
        {
          field: path(),
          message: `${JSON.stringify(issue.input)} does not match ${issue.pattern ?? issue.format}`,
        },
      ];
    default:
      return [{ field: path(), message: issue.message }];
  }
}

function typeMessage(issue: z.core.$ZodIssueInvalidType): string {
  const quoted = issue.expected === "string" && typeof issue.input === "number";
  return quoted
    ? `must be a string: write "${issue.input}" in quotes`
    : `must be ${issue.expected}, is ${typeof issue.input}`;
}
