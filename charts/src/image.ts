import { type Expression, token, value } from "./expression.ts";

/** `registry/repository:tag`, or `registry/repository@digest`; as short as it can be. */
export function imageReference(of: "image" | "pods.image"): string {
  const registry: Expression = { either: [value(`${of}.registry`), value("global.imageRegistry")] };
  const tag: Expression = { either: [value(`${of}.tag`), { appVersion: true }] };
  const digest = value(`${of}.digest`);
  const prefix: Expression = { choice: [registry, { text: [registry, "/"] }, { text: [] }] };
  const version: Expression = { choice: [digest, { text: ["@", digest] }, { text: [":", tag] }] };
  return token(prefix) + token(value(`${of}.repository`)) + token(version);
}
