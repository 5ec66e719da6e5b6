import { z } from "zod";
import { Quantity, quantityPattern } from "../cluster/quantity.ts";

/** Building blocks of the schemas: bounded strings, numbers as strings, quantities, CEL rules. */

export interface CelRule {
  rule: string;
  message: string;
  /**
   * The field the rule is about, from where the rule stands, e.g. `.training.tokens`; absent: all that the
   * rule sees.
   */
  fieldPath?: string;
}

/** The field that a rule names when it refuses what stands at `path`. */
export const fieldOf = ({ fieldPath = "" }: CelRule, path: string): string =>
  `${path}${fieldPath}`.replace(/^\./, "");

/**
 * Attaches CEL rules: the API server evaluates them, and so does the local adapter. Rules see `self` and, on
 * change, `oldSelf`.
 */
export function withRules<T extends z.ZodType>(schema: T, ...rules: CelRule[]): T {
  return schema.meta({ ...schema.meta(), "x-kubernetes-validations": rules });
}

/** "Exactly one of" over optional fields of an object. */
export function exactlyOneOf(...fields: string[]): CelRule {
  return {
    rule: `[${fields.map((field) => `has(self.${field})`).join(", ")}].filter(x, x).size() == 1`,
    message: `exactly one of ${fields.join(", ")} must be set`,
  };
}

/**
 * A list that is a map by one of its fields: server-side apply merges it by that key, and a key occurs once.
 */
export function mapList<T extends z.ZodType>(item: T, key: string, max: number, min = 0) {
  const keyOf = (entry: unknown) => (entry as Record<string, unknown>)[key];
  return z
    .array(item)
    .min(min)
    .max(max)
    .superRefine((entries, context) => {
      for (const [index, entry] of entries.entries())
        if (entries.findIndex((other) => keyOf(other) === keyOf(entry)) < index)
          context.addIssue({ code: "custom", path: [index], message: `${key} ${keyOf(entry)} occurs twice` });
    })
    .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key] });
}

/** A list that is replaced as a whole. */
export function atomicList<T extends z.ZodType>(item: T, max: number, min = 0) {
  return z.array(item).min(min).max(max).meta({ "x-kubernetes-list-type": "atomic" });
}

/** A map of at most so many entries. Zod has no bound for maps: JSON Schema says it, and a check holds it. */
export const boundedMap = <K extends z.ZodString, V extends z.ZodType>(key: K, value: V, max: number) =>
  z
    .record(key, value)
    .refine((map) => Object.keys(map).length <= max, `must have at most ${max} entries`)
    .meta({ maxProperties: max });

export const text = (max = 256) => z.string().min(1).max(max);

/** RFC 1123 label. */
export const objectName = () =>
  z
    .string()
    .min(1)
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);

/**
 * Kubernetes knows no floating-point fields that round-trip through every client, so decimals are strings,
 * e.g. "1e-4".
 */
export const decimal = () =>
  z
    .string()
    .max(32)
    .regex(/^[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$/);

/** A decimal from 0 to 1. */
export const share = () =>
  z
    .string()
    .max(16)
    .regex(/^(0(\.[0-9]+)?|1(\.0+)?)$/);

/** A whole number of percent, or a decimal in a string. */
export const percent = () =>
  z
    .union([
      count(1, 100),
      z
        .string()
        .max(16)
        .regex(/^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)$/),
    ])
    .meta({ "x-kubernetes-int-or-string": true });

/** A Kubernetes quantity that a rule bounds. The rule reads it as the API server does, `holds` as we do. */
const quantity = (rule: CelRule, holds: (value: number) => boolean) =>
  z
    .string()
    .max(32)
    .regex(quantityPattern)
    .refine((text) => holds(Quantity.parse(text)?.value ?? Number.NaN), rule.message)
    .meta({ "x-kubernetes-validations": [rule] });

/**
 * CEL has quantities as doubles, whose last bits are what a product with a power of ten leaves of them: whole
 * is what is as near to a whole number as that.
 */
const amount = "quantity(self).asApproximateFloat()";
const nearest = `double(int(${amount} + 0.5))`;
const isWhole = (value: number) => Math.abs(Math.trunc(value + 0.5) - value) <= value * 1e-15;

/** An amount of memory or disk. Of a fraction of a byte nobody can say how much it is. */
export const bytes = () =>
  quantity(
    {
      rule:
        "isQuantity(self) && quantity(self).compareTo(quantity('1')) >= 0 && " +
        "quantity(self).compareTo(quantity('8Ei')) < 0 && " +
        `${nearest} - ${amount} <= ${amount} * 1e-15 && ${amount} - ${nearest} <= ${amount} * 1e-15`,
      message: "must be a whole number of bytes, at least 1 and less than 8Ei, e.g. 512Mi or 2Gi",
    },
    (value) => value >= 1 && value < 2 ** 63 && isWhole(value),
  );

/** More processors than a node has: what kernels may use as threads. */
export const mostCpus = 1024;

export const cpus = () =>
  quantity(
    {
      rule:
        "isQuantity(self) && quantity(self).compareTo(quantity('1m')) >= 0 && " +
        `quantity(self).compareTo(quantity('${mostCpus}')) <= 0`,
      message: `must be at least 1m and at most ${mostCpus}, e.g. 500m or 4`,
    },
    (value) => value >= 0.001 && value <= mostCpus,
  );

export const count = (min = 0, max = 1_000_000_000_000_000) => z.int().min(min).max(max);

/**
 * A number of pods or a share of all of them, as Deployments have it. A share may be more than all only where
 * there is room beyond them.
 */
export const countOrPercent = (mostPercent: 100 | 999) =>
  z
    .union([
      count(0, 1000),
      z
        .string()
        .max(4)
        .regex(mostPercent === 100 ? /^([0-9]{1,2}|100)%$/ : /^[0-9]{1,3}%$/),
    ])
    .meta({ "x-kubernetes-int-or-string": true });

/** Path below a claim: relative, never upwards. */
export const claimPath = () =>
  z
    .string()
    .max(512)
    .regex(/^[^/\\]/)
    .refine((path) => !path.split("/").includes(".."), "must not contain '..'")
    .meta({
      "x-kubernetes-validations": [
        { rule: "!self.split('/').exists(part, part == '..')", message: "must not contain '..'" },
      ],
    });
