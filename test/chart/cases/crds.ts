import { customResourceDefinition } from "../../../operator/api/crd.ts";
import { corpus, kinds } from "../../../operator/api/kinds.ts";
import type { Suite } from "./case.ts";

const nameOf = (plural: string) => `CustomResourceDefinition/${plural}.tanren.dev`;

export const crds: Suite = {
  cases: [
    {
      it: "has every kind, and an uninstall leaves them",
      makes: kinds.map(({ resource }) => nameOf(resource.plural)),
      of: nameOf(corpus.resource.plural),
      expect: {
        spec: customResourceDefinition(corpus).spec,
        "metadata.annotations": { "helm.sh/resource-policy": "keep" },
      },
    },
    { it: "leaves the definitions to somebody else", set: { "crds.install": false }, makes: [] },
  ],
};
