import { type App, JsonPatch } from "cdk8s";
import { customResourceDefinition } from "../../operator/api/crd.ts";
import { kinds } from "../../operator/api/kinds.ts";
import { value } from "./expression.ts";
import { Template } from "./template.ts";

/**
 * The CustomResourceDefinitions are templates and not in the chart's `crds` folder, because Helm installs that folder once and never
 * upgrades it. Deleting a definition deletes every object of its kind, so an uninstall leaves them.
 */
export const keep = { "helm.sh/resource-policy": "keep" };

export function definitions(app: App): void {
  for (const kind of kinds) {
    const { metadata, spec } = customResourceDefinition(kind);
    const { name } = metadata as { name: string };
    const template = new Template(app, `crd-${kind.resource.plural}`, { when: value("crds.install") });
    template
      .add({
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        metadata: { name, annotations: keep },
      })
      // As it is: cdk8s would put the fields of the schema in alphabetical order.
      .addJsonPatch(JsonPatch.add("/spec", spec));
  }
}
