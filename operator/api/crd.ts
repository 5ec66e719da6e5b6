import { z } from "zod";
import { objectName } from "./fields.ts";
import { group, type KindDefinition, rootRules, version } from "./kinds.ts";
import { type StructuralSchema, structuralSchema } from "./structural-schema.ts";

/**
 * Defaults within the items of lists are left to the operator: a client-side `kubectl apply` replaces lists as
 * a whole, and would take every default that the API server had added for a change.
 */
function withoutListDefaults(schema: StructuralSchema, inList = false): StructuralSchema {
  const kept = { ...schema };
  if (inList) delete kept.default;
  if (schema.items) kept.items = withoutListDefaults(schema.items, true);
  if (schema.additionalProperties)
    kept.additionalProperties = withoutListDefaults(schema.additionalProperties, inList);
  if (schema.properties) {
    const properties = Object.entries(schema.properties);
    kept.properties = Object.fromEntries(
      properties.map(([name, property]) => [name, withoutListDefaults(property, inList)]),
    );
  }
  return kept;
}

/** The CustomResourceDefinition of a kind, as an object to be written as YAML. */
export function customResourceDefinition(kind: KindDefinition): Record<string, unknown> {
  const { resource } = kind;
  const rules = rootRules(kind);
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${resource.plural}.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: {
        kind: resource.kind,
        listKind: `${resource.kind}List`,
        plural: resource.plural,
        singular: kind.singular,
        shortNames: kind.shortNames,
        categories: ["tanren"],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {}, ...(kind.scale && { scale: kind.scale }) },
          additionalPrinterColumns: kind.columns,
          schema: {
            openAPIV3Schema: {
              type: "object",
              description: kind.about,
              required: ["spec"],
              properties: {
                apiVersion: { type: "string", description: "version of this representation" },
                kind: { type: "string", description: "kind of this representation" },
                // Longer names fit no label, by which pods are told whose they are.
                metadata: structuralSchema(z.object({ name: objectName().optional() })),
                spec: { ...withoutListDefaults(structuralSchema(kind.spec)), description: "what is wanted" },
                status: { ...structuralSchema(kind.status), description: "what is; written by the operator" },
              },
              ...(rules.length > 0 && { "x-kubernetes-validations": rules }),
            },
          },
        },
      ],
    },
  };
}
