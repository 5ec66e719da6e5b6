import { type GovernedField, governedFields, systemPrefix } from "../../operator/api/allowed.ts";
import { kinds } from "../../operator/api/kinds.ts";

/**
 * The allow-lists as ValidatingAdmissionPolicies, so that what the operator would refuse is refused where it
 * is written. The template gives each list as a variable of regular expressions; the expressions here come
 * from the marks in the schemas, which the operator's own check reads too.
 */
export interface Policy {
  plural: string;
  validations: { expression: string; message: string }[];
}

export const admissionPolicies: readonly Policy[] = kinds.map((kind) => ({
  plural: kind.resource.plural,
  validations: governedFields(kind).map((field) => ({
    expression: holds("object", field.steps, field),
    message: `${field.steps.join(".").replaceAll(".[]", "[]")} is not allowed on this platform: use what is, or have it added to allow.${field.list} of Tanren's configuration`,
  })),
}));

/** Whether all that is found from `at` by the steps is allowed. */
function holds(at: string, [step, ...rest]: readonly string[], field: GovernedField): string {
  if (step === undefined)
    return field.keys ? `${at}.all(key, ${isAllowed("key", field)})` : isAllowed(at, field);
  if (step === "[]") {
    const item = `item${rest.length}`;
    return `${at}.all(${item}, ${holds(item, rest, field)})`;
  }
  const below = holds(`${at}.${step}`, rest, field);
  if (rest.length > 0 || field.absent === undefined) return `(!has(${at}.${step}) || ${below})`;
  return `(has(${at}.${step}) ? ${below} : ${isAllowed(`'${field.absent}'`, field)})`;
}

function isAllowed(value: string, { list }: GovernedField): string {
  const matches = `variables.${list}.exists(pattern, ${value}.matches(pattern))`;
  return list === "priorityClasses"
    ? `(${value}.startsWith('${systemPrefix}') ? ${value} in variables.systemPriorityClasses : ${matches})`
    : matches;
}
