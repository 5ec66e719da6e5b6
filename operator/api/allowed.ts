import { z } from "zod";

/**
 * What a platform lets people use through Tanren: the operator acts with rights that whoever writes a spec
 * need not have. Fields that name something of the cluster are marked with the allow-list that governs them;
 * the operator's check and the chart's ValidatingAdmissionPolicies both come from the marks.
 */

/** A name, or the beginning or end of many: `*` stands for any characters. */
const pattern = z
  .string()
  .max(253)
  .regex(/^[A-Za-z0-9*][-A-Za-z0-9._:/@*]*$/);

const anything = ["*"];
const list = (standard: string[], about: string) =>
  z.array(pattern).max(256).default(standard).describe(about);

const lists = {
  images: list(anything, "Images of spec.compute.image, e.g. registry.example.com/tanren/*."),
  imagePullSecrets: list(anything, "Secrets of spec.compute.imagePullSecrets."),
  secrets: list(
    ["tanren-*"],
    "Names of Secrets that may be mounted: whoever names a Secret so opts in. The operator cannot read Secrets, so a label on one would tell it nothing.",
  ),
  serviceAccounts: list(anything, "ServiceAccounts of spec.compute.serviceAccountName."),
  priorityClasses: list(
    anything,
    "PriorityClasses of spec.compute.priorityClassName; those of the system, system-*, only by their full names.",
  ),
  claims: list(anything, "PersistentVolumeClaims that specs name."),
  nodeLabels: list(anything, "Labels of nodes that nodeSelector and nodeAffinity may ask for."),
  taints: list(
    anything,
    "Keys of taints that may be tolerated; a toleration without a key tolerates all, which only * allows.",
  ),
  runtimeClasses: list(anything, "RuntimeClasses of spec.compute.runtimeClassName."),
  schedulers: list(anything, "Schedulers of spec.compute.schedulerName."),
  resourceClaimTemplates: list(anything, "ResourceClaimTemplates of spec.compute.resourceClaims."),
  podLabels: list(
    [],
    "Keys of spec.compute.labels: by its labels a pod gets behind Services and policies of others.",
  ),
  podAnnotations: list(
    [],
    "Keys of spec.compute.annotations: annotations ask controllers, networks and sidecars for things.",
  ),
  env: list(
    [],
    "Names of spec.compute.env: PYTHONPATH and the like run code of one's choice in an image of yours.",
  ),
};

export const Allowed = z.strictObject(lists);
export type Allowed = z.output<typeof Allowed>;
export type AllowList = keyof Allowed;

/** For where whoever writes a spec could do as much without Tanren, as on a machine of one's own. */
export const everythingAllowed: Allowed = Allowed.parse({
  ...Object.fromEntries(Object.keys(lists).map((list) => [list, anything])),
  priorityClasses: [...anything, "system-cluster-critical", "system-node-critical"],
});

const mark = "x-tanren-allowed";

interface Mark {
  list: AllowList;
  /** What it means when the field is absent; undefined: nothing is asked for. */
  absent?: string;
}

/** Marks a field, or the keys of a map, as governed by a list. */
export function governed<T extends z.ZodType>(list: AllowList, schema: T, absent?: string): T {
  return schema.meta({ ...schema.meta(), [mark]: { list, absent } satisfies Mark });
}

/** A governed field of a kind: property names from the root of the object, `[]` for each item of a list. */
export interface GovernedField extends Mark {
  steps: readonly string[];
  /** Whether it is a map whose keys are governed. */
  keys: boolean;
}

/** A kind, as far as its fields go. */
interface WithSpec {
  spec: z.ZodType;
}

const fieldsOfKinds = new WeakMap<z.ZodType, GovernedField[]>();

export function governedFields({ spec }: WithSpec): GovernedField[] {
  const known = fieldsOfKinds.get(spec);
  if (known) return known;
  const schema = z.toJSONSchema(spec, { target: "openapi-3.0", io: "input", unrepresentable: "throw" });
  const found = fieldsBelow(schema, ["spec"]);
  fieldsOfKinds.set(spec, found);
  return found;
}

function fieldsBelow(schema: z.core.JSONSchema.BaseSchema, steps: readonly string[]): GovernedField[] {
  const marked = schema[mark] as Mark | undefined;
  const here = marked ? [{ ...marked, steps, keys: schema.type === "object" }] : [];
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
    typeof property === "object" ? fieldsBelow(property, [...steps, name]) : [],
  );
  const { items } = schema;
  const inItems =
    typeof items === "object" && !Array.isArray(items) ? fieldsBelow(items, [...steps, "[]"]) : [];
  return [...here, ...below, ...inItems];
}

/** Something that a spec asks for. */
interface Use {
  field: string;
  value: string;
}

/** A value of the spec and where it stands; undefined where its parent is there and it is not. */
interface Found {
  field: string;
  value: unknown;
}

function follow({ field, value }: Found, step: string): Found[] {
  if (step === "[]")
    return Array.isArray(value)
      ? value.map((item: unknown, index) => ({ field: `${field}[${index}]`, value: item }))
      : [];
  if (typeof value !== "object" || value === null) return [];
  const inner = (value as Record<string, unknown>)[step];
  return [{ field: field === "" ? step : `${field}.${step}`, value: inner }];
}

function usesOf({ steps, keys, absent }: GovernedField, root: unknown): Use[] {
  const start: Found[] = [{ field: "", value: root }];
  const found = steps.reduce((values, step) => values.flatMap((each) => follow(each, step)), start);
  return found.flatMap(({ field, value = absent }) => {
    if (keys) return Object.keys(value ?? {}).map((key) => ({ field: `${field}.${key}`, value: key }));
    return typeof value === "string" ? [{ field, value }] : [];
  });
}

/** The pattern as a regular expression that JavaScript and CEL read alike. */
export const patternExpression = (text: string): string =>
  `^${text.replaceAll(".", "[.]").replaceAll("*", ".*")}$`;

/** Pods of the system go before all others: whoever may use its classes evicts whom he likes. */
export const systemPrefix = "system-";

function isAllowed(list: AllowList, patterns: readonly string[], value: string): boolean {
  if (list === "priorityClasses" && value.startsWith(systemPrefix)) return patterns.includes(value);
  return patterns.some((each) => new RegExp(patternExpression(each)).test(value));
}

/** What a spec asks for and may not, as a sentence; undefined: nothing. */
export function notAllowed(kind: WithSpec, spec: unknown, allowed: Allowed): string | undefined {
  for (const governing of governedFields(kind)) {
    const patterns = allowed[governing.list];
    const use = usesOf(governing, { spec }).find(({ value }) => !isAllowed(governing.list, patterns, value));
    if (use !== undefined) return `${use.field} ${refusalOf(governing.list, use.value, patterns)}`;
  }
  return undefined;
}

function refusalOf(list: AllowList, value: string, patterns: readonly string[]): string {
  const those = patterns.length === 0 ? "none" : patterns.join(", ");
  return `${JSON.stringify(value)} is not allowed on this platform (${list}: ${those}); use what is, or have it added to allow.${list} of the operator's configuration`;
}
