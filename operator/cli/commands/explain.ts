import { Command } from "commander";
import { apiVersion } from "../../api/kinds.ts";
import { type StructuralSchema, structuralSchema } from "../../api/structural-schema.ts";
import { Failure } from "../failure.ts";
import { parseKind } from "../kinds.ts";
import { withHelp } from "../options.ts";
import { terminalOf } from "../terminal/terminal.ts";
import { wrap } from "../terminal/width.ts";

export function explainCommand(): Command {
  const command = new Command("explain")
    .description("describe a kind, or a field of one, from the schemas of this version")
    .argument("<path>", "KIND, or KIND.FIELD.PATH")
    .option("-r, --recursive", "all fields below it, by name and type")
    .action((path: string, options: { recursive?: boolean }) => {
      const terminal = terminalOf(process.stdout);
      terminal.print(...explain(path, { columns: Math.min(terminal.columns, 110), ...options }));
    });
  return withHelp(command, [
    "tanren explain pretrainrun",
    "tanren explain corpus.spec.cleaning.stages.rules",
    "tanren explain ptr.spec.training --recursive",
  ]);
}

interface View {
  columns: number;
  recursive?: boolean;
}

/** Lines about the kind or field that a dotted path names; steps through lists and maps are left out of it. */
export function explain(path: string, view: View): string[] {
  const [word = "", ...fields] = path.split(".");
  const kind = parseKind(word);
  let schema: StructuralSchema = {
    type: "object",
    description: kind.about,
    properties: { spec: structuralSchema(kind.spec), status: structuralSchema(kind.status) },
  };
  for (const [index, field] of fields.entries()) {
    const inner = fieldsOf(schema);
    const next = inner?.[field];
    if (next === undefined) {
      const at = [kind.singular, ...fields.slice(0, index)].join(".");
      const known = Object.keys(inner ?? {});
      const has = known.length === 0 ? "has no fields" : `has the fields ${known.join(", ")}`;
      throw new Failure("usage", `there is no field ${field} in ${at}; it ${has}`);
    }
    schema = next;
  }
  const about = wrap(schema.description ?? "", view.columns - 2).map((line) => `  ${line}`);
  const bounds = boundsOf(schema);
  return [
    `KIND:     ${kind.resource.kind} (${apiVersion})`,
    ...(fields.length > 0 ? [`FIELD:    ${fields.join(".")} <${typeOf(schema)}>`] : []),
    ...(bounds === "" ? [] : [`BOUNDS:   ${bounds}`]),
    "",
    ...(about.length > 0 ? ["DESCRIPTION:", ...about] : []),
    ...(fieldsOf(schema) ? ["", "FIELDS:", ...fieldLines(schema, view, "  ")] : []),
  ];
}

/** Fields of an object, and of what a list or a map holds. */
function fieldsOf(schema: StructuralSchema): Record<string, StructuralSchema> | undefined {
  if (schema.properties) return schema.properties;
  const inner = schema.items ?? schema.additionalProperties;
  return inner && fieldsOf(inner);
}

function requiredOf(schema: StructuralSchema): readonly string[] {
  const inner = schema.items ?? schema.additionalProperties;
  return schema.properties || inner === undefined ? (schema.required ?? []) : requiredOf(inner);
}

function fieldLines(schema: StructuralSchema, view: View, indent: string): string[] {
  return Object.entries(fieldsOf(schema) ?? {}).flatMap(([name, field]) => {
    const required = requiredOf(schema).includes(name) ? " (required)" : "";
    const bounds = boundsOf(field);
    const head = `${indent}${name} <${typeOf(field)}>${required}${bounds === "" ? "" : `  ${bounds}`}`;
    if (view.recursive) return [head, ...fieldLines(field, view, `${indent}  `)];
    const width = view.columns - indent.length - 4;
    return [head, ...wrap(field.description ?? "", width).map((line) => `${indent}    ${line}`)];
  });
}

function typeOf(schema: StructuralSchema): string {
  if (schema.items) return `[]${typeOf(schema.items)}`;
  if (schema.additionalProperties) return `map[string]${typeOf(schema.additionalProperties)}`;
  if (schema["x-kubernetes-int-or-string"]) return "IntOrString";
  return schema.type === "object" ? "Object" : (schema.type ?? "any");
}

function boundsOf({ minimum, maximum, enum: values, default: preset }: StructuralSchema): string {
  return [
    values && `one of ${values.join(", ")}`,
    minimum !== undefined && `at least ${minimum}`,
    maximum !== undefined && `at most ${maximum}`,
    preset !== undefined && typeof preset !== "object" && `default ${preset}`,
  ]
    .filter(Boolean)
    .join("; ");
}
