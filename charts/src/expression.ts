import type { Values } from "./values.ts";

/**
 * What the chart's objects say that is not known before installation. Objects are built once, with these in place of values. Two
 * readers take them: `go-template.ts` writes them as Helm's templates, `evaluate.ts` puts values in their place.
 */
export type Expression =
  /** A value by its path. */
  | { value: string }
  | { release: "Name" | "Namespace" }
  | { appVersion: true }
  /** The element at hand of the list that `each` or a template repeats over. */
  | { item: true }
  | { text: readonly (string | Expression)[] }
  /** The first one that is not empty. */
  | { either: readonly [Expression, Expression] }
  | { choice: readonly [condition: Expression, yes: Expression, no: Expression] }
  | { not: Expression }
  | { and: readonly [Expression, Expression] }
  | { equal: readonly [Expression, string] }
  | { atMost: readonly [Expression, Expression] }
  /** A list with one element put before it, each element once. */
  | { before: readonly [element: Expression, list: Expression] }
  /** Content of a file of the chart. */
  | { file: string }
  /** A part of the chart, by name, as JSON, or the sha256 of that. */
  | { json: string }
  | { sha256OfJson: string };

type PathOf<T> = {
  [K in keyof T & string]: T[K] extends readonly unknown[] | string | number | boolean
    ? K
    : string extends keyof T[K]
      ? K | (K extends "global" ? "global.imageRegistry" : never)
      : K | `${K}.${PathOf<T[K]>}`;
}[keyof T & string];

export type ValuePath = PathOf<Values>;

export const value = (path: ValuePath): Expression => ({ value: path });
export const item: Expression = { item: true };
export const not = (condition: Expression): Expression => ({ not: condition });
export const and = (...both: [Expression, Expression]): Expression => ({ and: both });
export const equal = (expression: Expression, to: string): Expression => ({ equal: [expression, to] });

// Characters of the private use area, which no text of ours has.
const open = "\u{e000}";
const close = "\u{e001}";
const condition = "\u{e002}when";
const list = "\u{e002}each";

/** As the key of a map with a token of another map as its value: all entries of that map. */
export const spread = "\u{e002}spread";

/** The expression as a string, so that it can stand in any string, as in `${token(release)}-operator`. */
export const token = (expression: Expression): string => open + JSON.stringify(expression) + close;

/** The value at the path, wherever a string may stand; alone it keeps its type. */
export const valueToken = (path: ValuePath): string => token(value(path));

/** In place of a value of a map or of an element of a list: there only when the condition holds. */
export const when = (holds: Expression, node: unknown): unknown => ({ [condition]: holds, node });

/** In place of an element of a list: one for each element of another list, which is `item` within. */
export const each = (over: Expression, node: unknown): unknown => ({ [list]: over, node });

/** What stands at a place of the tree. */
export type Node =
  | { kind: "expression"; expression: Expression }
  | { kind: "when"; holds: Expression; node: unknown }
  | { kind: "each"; over: Expression; node: unknown }
  | { kind: "spread"; map: Expression }
  | { kind: "map"; entries: [string, unknown][] }
  | { kind: "list"; elements: unknown[] }
  | { kind: "scalar"; scalar: string | number | boolean | null };

/** What stands at a key of a map. */
export function entryOf(key: string, at: unknown): Node {
  const node = nodeOf(at);
  return key === spread && node.kind === "expression" ? { kind: "spread", map: node.expression } : node;
}

export function nodeOf(at: unknown): Node {
  if (typeof at === "string") {
    return at.includes(open) ? { kind: "expression", expression: parsed(at) } : { kind: "scalar", scalar: at };
  }
  if (typeof at === "number" || typeof at === "boolean" || at === null) return { kind: "scalar", scalar: at };
  if (Array.isArray(at)) return { kind: "list", elements: at };
  if (typeof at !== "object") throw new TypeError(`a manifest cannot hold ${typeof at}`);
  const entries = Object.entries(at).filter(([, inner]) => inner !== undefined);
  const fields = new Map(entries);
  if (fields.has(condition))
    return { kind: "when", holds: fields.get(condition) as Expression, node: fields.get("node") };
  if (fields.has(list)) return { kind: "each", over: fields.get(list) as Expression, node: fields.get("node") };
  return { kind: "map", entries };
}

function parsed(text: string): Expression {
  const pieces = text.split(open).flatMap((piece, index): (string | Expression)[] => {
    if (index === 0) return [piece];
    const [inner = "", after = ""] = piece.split(close);
    return [JSON.parse(inner) as Expression, after];
  });
  const said = pieces.filter((piece) => piece !== "");
  const [only] = said;
  return said.length === 1 && typeof only === "object" ? only : { text: said };
}
