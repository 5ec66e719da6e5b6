import type { CelRule } from "./fields.ts";
import type { StructuralSchema } from "./structural-schema.ts";

/**
 * What of a spec may change once the run has started, and the CEL rules that hold people to it. Fields that
 * are not in a kind's table stay: the artifact is what the spec says.
 *
 * - always: it does not touch what is made
 * - stopped: how the work is done, not what comes out (the kernels resume from checkpoints made otherwise):
 *   while spec.suspend is true, or after a failure
 * - { until }: what a stage reads: after a failure, as long as that stage has not completed. A checkpoint of
 *   the stage made from other data is refused by the kernels themselves.
 */
export type When = "always" | "stopped" | { until: string };

/** By path below spec. */
export type SpecChanges = Readonly<Record<string, When>>;

const started = "has(oldSelf.status) && has(oldSelf.status.startTime)";
const failed = "has(oldSelf.status.completionTime) && !has(oldSelf.status.artifact)";
const suspended = "has(oldSelf.spec.suspend) && oldSelf.spec.suspend";

/** Transition rules of a kind: they stand at its root, for only there does a rule see both spec and status. */
export function transitionRules(spec: StructuralSchema, changes: SpecChanges): CelRule[] {
  for (const path of Object.keys(changes)) requireField(spec, path);
  return Object.keys(spec.properties ?? {}).flatMap((field) => rulesOf(field, spec, changes));
}

/** At most one rule for what stays of a field, and one for each circumstance under which parts may change. */
function rulesOf(field: string, spec: StructuralSchema, changes: SpecChanges): CelRule[] {
  const own = Object.entries(changes).filter(([path]) => path === field || path.startsWith(`${field}.`));
  const free = own.map(([path]) => path);
  const rules: CelRule[] = [];
  if (!free.includes(field)) {
    const but = free.length > 0 ? ` but for ${free.map((path) => `spec.${path}`).join(" and ")}` : "";
    rules.push({
      rule: `!(${started}) || ${isSame(field, spec, new Set(free))}`,
      message: `spec.${field} cannot change once the run has started${but}; create a new object with another name`,
      fieldPath: `.spec.${field}`,
    });
  }
  const byWhen = Object.groupBy(own, ([, when]) => (typeof when === "string" ? when : `until ${when.until}`));
  for (const members of Object.values(byWhen)) {
    const [first] = members ?? [];
    if (members === undefined || first === undefined || first[1] === "always") continue;
    const paths = members.map(([path]) => path);
    const same = paths.map((path) => isSameBelowParents(path)).join(" && ");
    const names = paths.map((path) => `spec.${path}`).join(" and ");
    const { condition, words } = circumstance(first[1]);
    rules.push({
      rule: `!(${started}) || ${condition} || (${same})`,
      message: `${names} of a started run can change only ${words}`,
      fieldPath: `.spec.${paths.length === 1 ? paths[0] : field}`,
    });
  }
  return rules;
}

function circumstance(when: Exclude<When, "always">): { condition: string; words: string } {
  if (when === "stopped")
    return {
      condition: `(${failed}) || (${suspended})`,
      words: "while spec.suspend is true or after it has failed; suspend it first",
    };
  const { until } = when;
  const completed = `oldSelf.status.stages.exists(stage, stage.name == '${until}' && stage.state == 'Succeeded')`;
  return {
    condition: `(${failed} && !(has(oldSelf.status.stages) && ${completed}))`,
    words: `after it has failed, and before its stage ${until} has completed; create a new object with another name`,
  };
}

/** Whether the field is as it was, what stands at the free paths aside. */
function isSame(path: string, schema: StructuralSchema, free: ReadonlySet<string>): string {
  const [self, old] = [`self.spec.${path}`, `oldSelf.spec.${path}`];
  const below = [...free].filter((each) => each.startsWith(`${path}.`));
  if (below.length === 0) return `(has(${self}) == has(${old}) && (!has(${self}) || ${self} == ${old}))`;
  const children = Object.keys(fieldAt(schema, path)?.properties ?? {})
    .map((name) => `${path}.${name}`)
    .filter((child) => !free.has(child))
    .map((child) => isSame(child, schema, free));
  return `(has(${self}) == has(${old}) && (!has(${self}) || (${children.join(" && ")})))`;
}

/** Whether the field is as it was; where a parent has come or gone, the parent's own rule speaks. */
function isSameBelowParents(path: string): string {
  const names = path.split(".");
  const parents = names.slice(0, -1).map((_, index) => names.slice(0, index + 1).join("."));
  const absent = parents.flatMap((parent) => [`!has(self.spec.${parent})`, `!has(oldSelf.spec.${parent})`]);
  const [self, old] = [`self.spec.${path}`, `oldSelf.spec.${path}`];
  return `(${[...absent, `(has(${self}) == has(${old}) && (!has(${self}) || ${self} == ${old}))`].join(" || ")})`;
}

const fieldAt = (schema: StructuralSchema, path: string): StructuralSchema | undefined =>
  path.split(".").reduce<StructuralSchema | undefined>((node, name) => node?.properties?.[name], schema);

function requireField(schema: StructuralSchema, path: string): void {
  if (fieldAt(schema, path) === undefined)
    throw new TypeError(`spec.${path} is said to be changeable, and there is no such field`);
}
