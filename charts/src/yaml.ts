import { stringify } from "yaml";

/** A generated file with these documents. */
export const generatedYaml = (...documents: readonly unknown[]): string =>
  "# Generated from charts/src by `make generate`; do not edit.\n" +
  documents
    .map((document) => stringify(document, { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false }))
    .join("---\n");
