import { stringify } from "yaml";
import { defaultRelease, type GivenValues, installation, manifests } from "./chart.ts";

/** Plain manifests for those who do without Helm, by file name. */

const header = "# Generated from charts/src by `make generate`; do not edit.\n";

interface KubernetesObject {
  kind: string;
  metadata: { name: string; annotations?: Record<string, string> };
}

const identity = ({ kind, metadata }: KubernetesObject) => `${kind}/${metadata.name}`;

/** One template language the fewer: what means something to Helm alone is left out. */
function withoutHelm(object: KubernetesObject): KubernetesObject {
  if (object.kind !== "CustomResourceDefinition") return object;
  const { annotations: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Made by `helm install --create-namespace` otherwise. The operator's pods keep to the strictest standard there is. */
const namespace = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name: defaultRelease.Namespace,
    labels: { "pod-security.kubernetes.io/enforce": "restricted" },
  },
};

export function installFiles(version: string): Record<string, string> {
  const everything = plain({}, version);
  const operator = new Set(plain({ crds: { install: false } }, version).map(identity));
  return {
    "crds.yaml": yaml(everything.filter((object) => !operator.has(identity(object)))),
    "install.yaml": yaml([namespace, ...everything]),
    "install-namespaced.yaml": yaml(plain({ mode: "namespaced", crds: { install: false } }, version)),
  };
}

export function plain(values: GivenValues, version: string): KubernetesObject[] {
  return (manifests(installation(values, version)) as KubernetesObject[]).map(withoutHelm);
}

const yaml = (objects: readonly object[]) =>
  header +
  objects
    .map((object) => stringify(object, { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false }))
    .join("---\n");
