import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { clusterObjects, operatorObjects } from "../../charts/src/plain-manifests.ts";
import packageJson from "../../package.json" with { type: "json" };
import { chart, useHelm } from "./helm.ts";
import { byIdentity, documents, identity, type Manifest, version } from "./release.ts";

/** The plain manifests and the chart are written apart, and install the same. */

const { render } = useHelm();
const root = join(import.meta.dirname, "../..");
const installFile = (name: string) => documents(readFileSync(join(root, "charts/install", name), "utf8"));

/** Plain manifests have nothing that speaks to Helm. */
function withoutHelm({ metadata: { annotations, ...metadata }, ...object }: Manifest): Manifest {
  const { "helm.sh/resource-policy": _, ...others } = (annotations ?? {}) as Record<string, string>;
  return {
    ...object,
    metadata: { ...metadata, ...(Object.keys(others).length > 0 && { annotations: others }) },
  } as Manifest;
}

/** The plain objects are those that the chart makes; a difference shows its field. */
const same = (plain: readonly Manifest[], chart: readonly Manifest[]) =>
  expect(byIdentity(plain)).toEqual(byIdentity(chart.map(withoutHelm)));

test("install.yaml is the chart with its default values, and its namespace", () => {
  const [namespace, ...plain] = installFile("install.yaml");
  expect(namespace && identity(namespace)).toBe("Namespace/tanren-system");
  same(plain, render().objects());
});

test("install-namespaced.yaml and crds.yaml are the chart of one namespace and what it leaves to others", () => {
  const operator = installFile("install-namespaced.yaml");
  same(operator, render().objects({ mode: "namespaced", crds: { install: false } }));
  same([...installFile("crds.yaml"), ...operator], render().objects({ mode: "namespaced" }));
});

test.each(["cluster", "namespaced"] as const)("under another name in another namespace, mode %s", (mode) => {
  const release = { name: "forge", namespace: "models" };
  const plain = [
    ...clusterObjects({ ...release, version }),
    ...operatorObjects({ ...release, mode, version }),
  ];
  same(plain as Manifest[], render().objects({ mode }, release));
});

test("the chart has the version, description and licence of the package", () => {
  const { description, license } = packageJson;
  expect(parse(readFileSync(join(chart, "Chart.yaml"), "utf8"))).toMatchObject({
    version,
    appVersion: version,
    description,
    annotations: { "artifacthub.io/license": license },
  });
  expect(readFileSync(join(chart, "LICENSE"), "utf8")).toBe(readFileSync(join(root, "LICENSE"), "utf8"));
});
