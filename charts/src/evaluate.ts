import { createHash } from "node:crypto";
import { type Expression, entryOf, nodeOf } from "./expression.ts";
import type { Values } from "./values.ts";

/** An installation: everything that expressions speak of. */
export interface Installation {
  values: Values;
  release: { Name: string; Namespace: string };
  appVersion: string;
  /** Files of the chart, by path. */
  files: Readonly<Record<string, string>>;
  /** Parts of the chart that stand in others as JSON. */
  parts: Readonly<Record<string, unknown>>;
  item?: unknown;
}

/** Helm's notion of empty. */
function isEmpty(at: unknown): boolean {
  if (at === undefined || at === null || at === "" || at === 0 || at === false) return true;
  return typeof at === "object" && Object.keys(at).length === 0;
}

export const holds = (expression: Expression, installation: Installation): boolean =>
  !isEmpty(evaluate(expression, installation));

export function elements(expression: Expression, installation: Installation): unknown[] {
  const found = evaluate(expression, installation);
  if (!Array.isArray(found)) throw new TypeError(`${JSON.stringify(expression)} is no list`);
  return found;
}

export function evaluate(expression: Expression, at: Installation): unknown {
  if ("value" in expression) return lookUp(at.values, expression.value);
  if ("release" in expression) return at.release[expression.release];
  if ("appVersion" in expression) return at.appVersion;
  if ("item" in expression) return at.item;
  if ("text" in expression)
    return expression.text.map((part) => (typeof part === "string" ? part : String(evaluate(part, at)))).join("");
  if ("either" in expression) return evaluate(expression.either[holds(expression.either[0], at) ? 0 : 1], at);
  if ("choice" in expression) return evaluate(expression.choice[holds(expression.choice[0], at) ? 1 : 2], at);
  if ("file" in expression) return required(at.files, expression.file);
  if ("before" in expression) {
    const [element, list] = expression.before;
    return [...new Set([evaluate(element, at), ...elements(list, at)])];
  }
  if ("json" in expression) return json(expression.json, at);
  if ("sha256OfJson" in expression) return createHash("sha256").update(json(expression.sha256OfJson, at)).digest("hex");
  return test(expression, at);
}

type Condition = Extract<Expression, { not: unknown } | { and: unknown } | { equal: unknown } | { atMost: unknown }>;

function test(condition: Condition, at: Installation): boolean {
  if ("not" in condition) return !holds(condition.not, at);
  if ("and" in condition) return condition.and.every((part) => holds(part, at));
  if ("equal" in condition) return evaluate(condition.equal[0], at) === condition.equal[1];
  const [less, more] = condition.atMost;
  return Number(evaluate(less, at)) <= Number(evaluate(more, at));
}

/** The tree with values in the place of expressions. */
export function resolved(tree: unknown, at: Installation): unknown {
  const node = nodeOf(tree);
  switch (node.kind) {
    case "scalar":
      return node.scalar;
    case "expression":
      return evaluate(node.expression, at);
    case "map":
      return Object.fromEntries(node.entries.flatMap(([key, inner]) => entries(key, inner, at)));
    case "list":
      return node.elements.flatMap((element) => members(element, at));
    default:
      throw new TypeError(`${node.kind} stands neither in a map nor in a list`);
  }
}

function entries(key: string, inner: unknown, at: Installation): [string, unknown][] {
  const node = entryOf(key, inner);
  if (node.kind === "spread") return Object.entries(evaluate(node.map, at) as Record<string, unknown>);
  return members(inner, at).map((member) => [key, member]);
}

/** None, one or several: what stands in the place of an entry or an element. */
function members(tree: unknown, at: Installation): unknown[] {
  const node = nodeOf(tree);
  if (node.kind === "when") return holds(node.holds, at) ? [resolved(node.node, at)] : [];
  if (node.kind === "each")
    return elements(node.over, at).map((element) => resolved(node.node, { ...at, item: element }));
  return [resolved(tree, at)];
}

function lookUp(values: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((inner, key) => required(inner as Readonly<Record<string, unknown>>, key), values);
}

function required<T>(record: Readonly<Record<string, T>>, key: string): T {
  const found = record[key];
  if (found === undefined) throw new TypeError(`there is no ${key}`);
  return found;
}

/** As Go writes JSON: keys in order, indented by two, without the characters that mean something in HTML. */
function json(part: string, at: Installation): string {
  const text = JSON.stringify(sorted(resolved(required(at.parts, part), at)), undefined, 2);
  return text.replaceAll(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function sorted(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(sorted);
  if (typeof tree !== "object" || tree === null) return tree;
  const entries = Object.entries(tree).map(([key, inner]) => [key, sorted(inner)] as const);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
