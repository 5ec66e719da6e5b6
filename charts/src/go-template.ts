import { stringify } from "yaml";
import { type Expression, entryOf, nodeOf } from "./expression.ts";

/** Writes trees with expressions as YAML with Helm's template language in it. */

/**
 * Every expression is printed as JSON, which is YAML: numbers stay numbers, strings are quoted whatever they hold, and maps and
 * lists need no indentation.
 */
const printed = (expression: Expression) => `{{ toJson ${argument(expression)} }}`;

/** `$` is the root even where a template repeats over a list. */
export function go(expression: Expression): string {
  if ("value" in expression) return `$.Values.${expression.value}`;
  if ("release" in expression) return `$.Release.${expression.release}`;
  if ("appVersion" in expression) return "$.Chart.AppVersion";
  if ("item" in expression) return "$item";
  if ("text" in expression) return text(expression.text);
  if ("either" in expression) return `default ${expression.either.toReversed().map(argument).join(" ")}`;
  if ("choice" in expression) {
    const [condition, yes, no] = expression.choice;
    return `ternary ${argument(yes)} ${argument(no)} (not (empty ${argument(condition)}))`;
  }
  if ("not" in expression) return `not ${argument(expression.not)}`;
  if ("and" in expression) return `and ${expression.and.map(argument).join(" ")}`;
  if ("equal" in expression) return `eq ${argument(expression.equal[0])} ${JSON.stringify(expression.equal[1])}`;
  // Numbers of values files are floats, those of --set integers: Go compares only like with like.
  if ("atMost" in expression) return `le ${expression.atMost.map((side) => `(float64 ${argument(side)})`).join(" ")}`;
  if ("before" in expression)
    return `uniq (concat (list ${argument(expression.before[0])}) ${argument(expression.before[1])})`;
  if ("file" in expression) return `$.Files.Get ${JSON.stringify(expression.file)}`;
  if ("json" in expression) return asJson(expression.json);
  return `sha256sum (${asJson(expression.sha256OfJson)})`;
}

const asJson = (part: string) => `include ${JSON.stringify(part)} $ | fromYaml | toPrettyJson`;

function text(parts: readonly (string | Expression)[]): string {
  if (parts.length === 0) return '""';
  const format = parts.map((part) => (typeof part === "string" ? part.replaceAll("%", "%%") : "%v")).join("");
  const inserted = parts.filter((part) => typeof part === "object").map(argument);
  return ["printf", JSON.stringify(format), ...inserted].join(" ");
}

/** In parentheses where it has spaces. */
function argument(expression: Expression): string {
  const written = go(expression);
  return written.includes(" ") ? `(${written})` : written;
}

/** The tree as YAML; each line is indented by so many spaces. */
export function template(tree: unknown, indent = 0): string[] {
  const pad = " ".repeat(indent);
  const node = nodeOf(tree);
  switch (node.kind) {
    case "map":
      mustNotVanish(node.entries.map(([key, inner]) => entryOf(key, inner).kind));
      return node.entries.flatMap(([key, inner]) => entry(key, inner, indent));
    case "list":
      mustNotVanish(node.elements.map((element) => nodeOf(element).kind));
      return node.elements.flatMap((element) => guarded(element, pad, (shown) => dashed(shown, indent)));
    default:
      throw new TypeError(`${JSON.stringify(tree)} is neither map nor list`);
  }
}

/** A map or list without a member would be read as null. What `each` alone fills must have an element by the values' schema. */
function mustNotVanish(kinds: readonly string[]): void {
  const sure = kinds.length === 0 || kinds.some((kind) => kind !== "when" && kind !== "spread");
  if (!sure) throw new TypeError("every member of a map or list may be left out, which would make it null");
}

function entry(key: string, inner: unknown, indent: number): string[] {
  const pad = " ".repeat(indent);
  const node = entryOf(key, inner);
  if (node.kind !== "spread") return guarded(inner, pad, (shown) => keyed(`${pad}${scalar(key)}:`, shown, indent));
  return [
    `${pad}{{- range $key, $item := ${go(node.map)} }}`,
    `${pad}{{ toJson $key }}: {{ toJson $item }}`,
    `${pad}{{- end }}`,
  ];
}

function guarded(member: unknown, pad: string, write: (shown: unknown) => string[]): string[] {
  const node = nodeOf(member);
  if (node.kind === "when") return [`${pad}{{- if ${go(node.holds)} }}`, ...write(node.node), `${pad}{{- end }}`];
  if (node.kind === "each")
    return [`${pad}{{- range $item := ${go(node.over)} }}`, ...write(node.node), `${pad}{{- end }}`];
  return write(member);
}

function keyed(key: string, shown: unknown, indent: number): string[] {
  const line = inline(shown);
  if (line !== undefined) return [`${key} ${line}`];
  return [key, ...template(shown, indent + 2)];
}

function dashed(shown: unknown, indent: number): string[] {
  const pad = " ".repeat(indent);
  const line = inline(shown);
  if (line !== undefined) return [`${pad}- ${line}`];
  const [first = "", ...rest] = template(shown, indent + 2);
  const conditional = first.trimStart().startsWith("{{");
  return conditional ? [`${pad}-`, first, ...rest] : [`${pad}- ${first.trimStart()}`, ...rest];
}

/** What fits on the line of its key. */
function inline(shown: unknown): string | undefined {
  const node = nodeOf(shown);
  if (node.kind === "expression") return printed(node.expression);
  if (node.kind === "scalar") return scalar(node.scalar);
  if (node.kind === "map" && node.entries.length === 0) return "{}";
  if (node.kind === "list" && node.elements.length === 0) return "[]";
  return undefined;
}

function scalar(shown: string | number | boolean | null): string {
  if (typeof shown === "string" && shown.includes("{{"))
    throw new TypeError(`Helm would take this text for a template: ${shown}`);
  return typeof shown === "string" && shown.includes("\n")
    ? JSON.stringify(shown)
    : stringify(shown, { version: "1.1", lineWidth: 0 }).trimEnd();
}
