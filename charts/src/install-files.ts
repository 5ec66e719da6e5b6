import { clusterObjects, operatorObjects } from "./plain-manifests.ts";
import { generatedYaml } from "./yaml.ts";

/** Plain manifests for people who do without Helm, by file name. */

export const defaultRelease = { name: "tanren", namespace: "tanren-system" };

/**
 * Made by `helm install --create-namespace` otherwise. The operator's pods keep to the strictest standard.
 */
const namespace = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name: defaultRelease.namespace,
    labels: { "pod-security.kubernetes.io/enforce": "restricted" },
  },
};

export function installFiles(version: string): Record<string, string> {
  const cluster = clusterObjects({ ...defaultRelease, version });
  const operator = (mode: "cluster" | "namespaced") => operatorObjects({ ...defaultRelease, mode, version });
  return {
    "crds.yaml": generatedYaml(...cluster),
    "install.yaml": generatedYaml(namespace, ...cluster, ...operator("cluster")),
    "install-namespaced.yaml": generatedYaml(...operator("namespaced")),
  };
}
