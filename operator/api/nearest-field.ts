import type { StructuralSchema } from "./structural-schema.ts";

/** The field that a misspelt one most likely stands for. */

/** A misspelling changes few letters: of more than a third, the word means something else. */
const mostChanged = 1 / 3;

/** `path`: where the unknown field stands, in the schema's own object. */
export function nearestField(
  schema: StructuralSchema,
  path: readonly PropertyKey[],
  unknown: string,
): string | undefined {
  const near = fieldsAt(schema, path)
    .map((field) => ({ field, changes: editDistance(plain(unknown), plain(field)) }))
    .filter(({ field, changes }) => changes <= Math.max(1, Math.ceil(field.length * mostChanged)))
    .toSorted((a, b) => a.changes - b.changes);
  return near[0]?.field;
}

/** context_length and contextlength are contextLength to a person. */
const plain = (field: string): string => field.replaceAll(/[-_]/g, "").toLowerCase();

function fieldsAt(schema: StructuralSchema, path: readonly PropertyKey[]): string[] {
  let here: StructuralSchema | undefined = schema;
  for (const part of path)
    here =
      typeof part === "number"
        ? here?.items
        : (here?.properties?.[String(part)] ?? here?.additionalProperties);
  return Object.keys(here?.properties ?? {});
}

/** Insertions, deletions, replacements and exchanges of neighbours (optimal string alignment). */
function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const next = [row];
    for (let column = 1; column <= to.length; column++) {
      const [a, b] = [from[row - 1], to[column - 1]];
      const changes = [
        (last[column] ?? 0) + 1,
        (next[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (a === b ? 0 : 1),
      ];
      if (row > 1 && column > 1 && a === to[column - 2] && b === from[row - 2])
        changes.push((before[column - 2] ?? 0) + 1);
      next.push(Math.min(...changes));
    }
    [before, last] = [last, next];
  }
  return last[to.length] ?? 0;
}
