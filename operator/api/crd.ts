import { group, immutabilityRules, type KindDefinition, version } from "./kinds.ts";
import { structuralSchema } from "./structural-schema.ts";

/** The CustomResourceDefinition of a kind, as an object to be written as YAML. */
export function customResourceDefinition(kind: KindDefinition): Record<string, unknown> {
  const { resource } = kind;
  const rules = immutabilityRules(kind);
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
                metadata: { type: "object" },
                spec: { ...structuralSchema(kind.spec), description: "what is wanted" },
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
