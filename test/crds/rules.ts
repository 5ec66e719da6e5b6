import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

/** Every CEL rule of the CustomResourceDefinitions as they are committed. */
export interface Rule {
  kind: string;
  /** Where it stands, e.g. `spec.sources[].from.path`; empty at the root. */
  path: string;
  message: string;
  /** The field it names when it refuses, lists as `[]`. */
  field: string;
  /**
   * The field of spec that a transition rule keeps as it is; absent for a rule that looks at one version
   * alone.
   */
  keeps?: string;
  /** When a transition rule lets it change all the same: while the run is stopped, or until a stage is done. */
  lets?: { suspended: boolean; until?: string };
}

interface Schema {
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema | boolean;
  "x-kubernetes-validations"?: { rule: string; message: string; fieldPath?: string }[];
}

const Definition = z.object({
  spec: z.object({
    names: z.object({ kind: z.string() }),
    versions: z.tuple([z.object({ schema: z.object({ openAPIV3Schema: z.custom<Schema>() }) })]),
  }),
});

const directory = new URL("../../crds/", import.meta.url).pathname;

export function committedRules(): Rule[] {
  return readdirSync(directory).flatMap((file) => {
    const { spec } = Definition.parse(parse(readFileSync(directory + file, "utf8")));
    return rulesBelow(spec.versions[0].schema.openAPIV3Schema, spec.names.kind, "");
  });
}

function rulesBelow(schema: Schema, kind: string, path: string): Rule[] {
  const here = (schema["x-kubernetes-validations"] ?? []).map(({ rule, message, fieldPath = "" }): Rule => {
    const field = `${path}${fieldPath}`.replace(/^\./, "");
    if (!rule.includes("oldSelf")) return { kind, path, message, field };
    const keeps = /^spec\.(.+)$/.exec(field)?.[1];
    if (keeps === undefined)
      throw new Error(`${kind}: the tests do not know what transition rule ${rule} keeps`);
    if (!rule.includes("completionTime")) return { kind, path, message, field, keeps };
    const until = /stage\.name == '(\w+)'/.exec(rule)?.[1];
    return { kind, path, message, field, keeps, lets: { suspended: rule.includes("suspend"), until } };
  });
  const fields = Object.entries(schema.properties ?? {}).map(([name, inner]) => [
    path ? `${path}.${name}` : name,
    inner,
  ]);
  const values =
    typeof schema.additionalProperties === "object" ? [[`${path}{}`, schema.additionalProperties]] : [];
  const items = schema.items ? [[`${path}[]`, schema.items]] : [];
  const inner = [...fields, ...values, ...items] as [string, Schema][];
  return [...here, ...inner.flatMap(([at, below]) => rulesBelow(below, kind, at))];
}
