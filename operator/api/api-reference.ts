import type { z } from "zod";
import { fieldOf } from "./fields.ts";
import type { KindDefinition } from "./kinds.ts";
import { apiVersion } from "./kinds.ts";
import { isReason, needsPerson, type Reason, reasonEntry, reasons } from "./reasons.ts";
import { type StructuralSchema, structuralSchema } from "./structural-schema.ts";

/**
 * The API reference as Markdown: every field of every kind, and of the operator's configuration, with type,
 * bounds, default and meaning.
 */
export function apiReference(kinds: readonly KindDefinition[], configuration: z.ZodType): string {
  const parts = [
    "<!-- Generated from operator/api by `make generate`; do not edit. -->",
    "# API reference",
    `Group and version: \`${apiVersion}\`. Fields marked * are required. Decimals are strings in quotes.`,
    ...kinds.flatMap(kindSection),
    "## Configuration of the operator",
    "A JSON file, named by `--config` of `operator/manager.ts`; the chart writes it from its values.",
    table(fieldHeader, fieldRows(structuralSchema(configuration), "")),
    "## Reasons",
    "Reasons of conditions and Events, and of how kernel programs end.",
    table(
      ["reason", "phase", "a person must act", "Event", "a program's exit code", "meaning"],
      Object.keys(reasons).filter(isReason).map(reasonRow),
    ),
  ];
  return `${parts.join("\n\n")}\n`;
}

function reasonRow(reason: Reason): string[] {
  const { phase, waitsFor, event, program, about } = reasonEntry(reason);
  const awaited = {
    operator: "the operator",
    cluster: "the cluster",
    object: "another object",
    administrator: "an administrator",
  };
  return [
    `\`${reason}\``,
    waitsFor === undefined ? phase : `${phase} for ${awaited[waitsFor]}`,
    needsPerson(phase) ? "yes" : "",
    event,
    Object.values(program ?? {}).join(", "),
    about,
  ];
}

const fieldHeader = ["field", "type", "default", "meaning"];

function kindSection(kind: KindDefinition): string[] {
  const spec = structuralSchema(kind.spec);
  const status = structuralSchema(kind.status);
  return [
    `## ${kind.resource.kind}`,
    `${kind.about} Short name: \`${kind.shortNames.join("`, `")}\`.`,
    "### spec",
    table(fieldHeader, fieldRows(spec, "")),
    ...ruleList(spec, "spec"),
    "### status",
    table(fieldHeader, fieldRows(status, "")),
  ];
}

function fieldRows(schema: StructuralSchema, prefix: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    const star = schema.required?.includes(name) && field.default === undefined ? " *" : "";
    const standard =
      field.default === undefined || typeof field.default === "object" ? "" : `\`${String(field.default)}\``;
    const row = [`\`${path}\`${star}`, typeOf(field), standard, field.description ?? ""];
    const inner = field.items ?? field;
    // What is Kubernetes' own is in its reference, and long.
    const isForeign = field.description?.startsWith("core/v1 ");
    const deeper = inner.properties && !isForeign ? fieldRows(inner, field.items ? `${path}[]` : path) : [];
    return [row, ...deeper];
  });
}

function typeOf(field: StructuralSchema): string {
  if (field.enum) return field.enum.map((value) => `\`${String(value)}\``).join(" \\| ");
  if (field.items) return `list of ${field.items.type ?? "any"}`;
  if (field.additionalProperties) return `map of ${field.additionalProperties.type ?? "any"}`;
  const { minimum, maximum } = field;
  const bounds =
    minimum !== undefined && maximum !== undefined
      ? ` ${minimum} to ${maximum}`
      : minimum !== undefined
        ? ` from ${minimum}`
        : "";
  return `${field["x-kubernetes-int-or-string"] ? "integer or string" : (field.type ?? "any")}${bounds}`;
}

function ruleList(schema: StructuralSchema, path: string): string[] {
  const rules = collectRules(schema, path);
  return rules.length === 0
    ? []
    : ["Rules:", rules.map(({ field, message }) => `- \`${field}\`: ${message}`).join("\n")];
}

function collectRules(schema: StructuralSchema, path: string): { field: string; message: string }[] {
  const own = (schema["x-kubernetes-validations"] ?? []).map((rule) => ({
    field: fieldOf(rule, path),
    message: rule.message,
  }));
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
    collectRules(field, `${path}.${name}`),
  );
  return [...own, ...below, ...(schema.items ? collectRules(schema.items, `${path}[]`) : [])];
}

function table(header: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}
