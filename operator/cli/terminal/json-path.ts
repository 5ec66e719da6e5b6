/**
 * The subset of Kubernetes JSONPath that printer columns use: `.field`, `['field']`, `[0]` and
 * `[?(@.field=="text")]`. A path that leads nowhere gives undefined, as kubectl leaves the cell empty.
 */
type Step = { field: string } | { index: number } | { where: string; equals: string };

const stepPattern =
  /\.([A-Za-z_][\w-]*)|\['([^']*)'\]|\[(\d+)\]|\[\?\(@\.([\w-]+)==(?:"([^"]*)"|'([^']*)')\)\]/y;

export function readPath(path: string, value: unknown): unknown {
  let found: unknown = value;
  for (const step of parse(path)) found = follow(step, found);
  return found;
}

function parse(path: string): Step[] {
  const steps: Step[] = [];
  for (let at = 0; at < path.length; at = stepPattern.lastIndex) {
    stepPattern.lastIndex = at;
    const match = stepPattern.exec(path);
    if (match === null)
      throw new SyntaxError(
        `JSONPath ${path}: "${path.slice(at)}" is none of .field, ['field'], [0], [?(@.field=="text")]`,
      );
    const [, plain, quoted, index, where, double, single] = match;
    const field = plain ?? quoted;
    if (field !== undefined) steps.push({ field });
    else if (index !== undefined) steps.push({ index: Number(index) });
    else steps.push({ where: where ?? "", equals: double ?? single ?? "" });
  }
  return steps;
}

function follow(step: Step, value: unknown): unknown {
  if ("field" in step) return fieldOf(value, step.field);
  if (!Array.isArray(value)) return undefined;
  if ("index" in step) return value[step.index];
  return value.find((entry) => fieldOf(entry, step.where) === step.equals);
}

function fieldOf(value: unknown, field: string): unknown {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, field) ? (value as Record<string, unknown>)[field] : undefined;
}
