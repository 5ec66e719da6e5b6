import { mkdirSync, writeFileSync } from "node:fs";
import { stringify } from "yaml";
import { apiReference } from "./api-reference.ts";
import { OperatorConfiguration } from "./configuration.ts";
import { customResourceDefinition } from "./crd.ts";
import { kinds } from "./kinds.ts";

/** Writes crds/ and docs/reference.md from the zod schemas. */
const root = new URL("../../", import.meta.url).pathname;
const header = "# Generated from operator/api by `make generate`; do not edit.\n";

mkdirSync(`${root}crds`, { recursive: true });
mkdirSync(`${root}docs`, { recursive: true });
for (const kind of kinds) {
  const yaml = stringify(customResourceDefinition(kind), { aliasDuplicateObjects: false, lineWidth: 0 });
  writeFileSync(`${root}crds/${kind.resource.plural}.yaml`, header + yaml);
}
writeFileSync(`${root}docs/reference.md`, apiReference(kinds, OperatorConfiguration));
