import { describe, expect, test } from "vitest";
import { type Changes, changed } from "../testing/samples.ts";
import { Allowed, everythingAllowed, governedFields, notAllowed } from "./allowed.ts";
import { kinds } from "./kinds.ts";
import { type StructuralSchema, structuralSchema } from "./structural-schema.ts";

const kindOf = (name: string) => {
  const kind = kinds.find(({ resource }) => resource.kind === name);
  if (kind === undefined) throw new Error(`there is no kind ${name}`);
  return kind;
};
const told = (kind: string, changes: Changes, allow: Partial<Allowed> = {}) =>
  notAllowed(kindOf(kind), changed(kind, changes), Allowed.parse(allow));

/** Fields whose value is a name of something that the cluster has, by their names. */
const naming =
  /(^|\.)(claimName|secretName|image|serviceAccountName|priorityClassName|nodeSelector|runtimeClassName|schedulerName|resourceClaimTemplateName|labels|annotations)$|env\[\]\.name$|Secrets\[\]\.name$|tolerations\[\]\.key$|(Expressions|Fields)\[\]\.key$/;

function paths(schema: StructuralSchema, path: string): string[] {
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, inner]) =>
    paths(inner, `${path}.${name}`),
  );
  return [path, ...below, ...(schema.items ? paths(schema.items, `${path}[]`) : [])];
}

test.each(kinds.map((kind) => [kind.resource.kind, kind] as const))(
  "%s: every field that names something of the cluster is governed by a list",
  (_, kind) => {
    const governed = governedFields(kind).map(({ steps }) => steps.join(".").replaceAll(".[]", "[]"));
    const found = paths(structuralSchema(kind.spec), "spec").filter((path) => naming.test(path));
    // Labels of other pods and of namespaces lead to no node.
    const ofNodes = found.filter((path) => !/[pP]od(Anti)?Affinity/.test(path));
    expect(governed.toSorted()).toEqual(ofNodes.toSorted());
    expect(governed.length).toBeGreaterThan(5);
  },
);

describe("by default", () => {
  test("labels, annotations and environment of pods are closed until the platform opens them", () => {
    for (const changes of [
      { "compute.labels": { app: "shop" } },
      { "compute.annotations": { "sidecar.istio.io/inject": "true" } },
      { "compute.env": [{ name: "PYTHONPATH", value: "/x" }] },
    ])
      expect(told("Corpus", changes)).toMatch(/is not allowed on this platform \(\w+: none\)/);
  });

  test("on a machine of one's own nothing is refused", () => {
    const changes = {
      "auth.secretName": "database",
      "compute.priorityClassName": "system-node-critical",
      "compute.labels": { app: "shop" },
      "compute.env": [{ name: "PYTHONPATH", value: "/x" }],
    };
    const spec = changed("InferenceDeployment", changes);
    expect(notAllowed(kindOf("InferenceDeployment"), spec, everythingAllowed)).toBeUndefined();
  });

  test("of names everything is allowed but Secrets that did not opt in by theirs, and what is the system's", () => {
    const compute = {
      "compute.image": "registry.example.com/mine:1",
      "compute.priorityClassName": "batch",
      "compute.serviceAccountName": "runner",
      "compute.tolerations": [{ operator: "Exists" }],
      "compute.nodeSelector": { pool: "gpu" },
      "auth.secretName": "tanren-assistant-keys",
    };
    expect(told("InferenceDeployment", compute)).toBeUndefined();
    expect(told("InferenceDeployment", { "auth.secretName": "database" })).toMatch(
      /^spec\.auth\.secretName "database" is not allowed on this platform \(secrets: tanren-\*\); use what is, or/,
    );
    expect(told("Corpus", { "compute.priorityClassName": "system-node-critical" })).toMatch(
      /^spec\.compute\.priorityClassName "system-node-critical" is not allowed/,
    );
  });
});

describe("a list of the platform", () => {
  const refused: [string, Partial<Allowed>, Changes, Changes, string][] = [
    [
      "images",
      { images: ["registry.example.com/tanren/*"] },
      { "compute.image": "registry.example.com/tanren/kernels:1" },
      { "compute.image": "registry-example.com/tanren/kernels:1" },
      "spec.compute.image",
    ],
    [
      "image pull Secrets",
      { imagePullSecrets: ["registry"] },
      { "compute.imagePullSecrets": [{ name: "registry" }] },
      { "compute.imagePullSecrets": [{ name: "registry" }, { name: "registry-b" }] },
      "spec.compute.imagePullSecrets[1].name",
    ],
    [
      "ServiceAccounts",
      { serviceAccounts: [] },
      {},
      { "compute.serviceAccountName": "default" },
      "spec.compute.serviceAccountName",
    ],
    [
      "priority classes, those of the system by their full names alone",
      { priorityClasses: ["system-cluster-critical", "*"] },
      { "compute.priorityClassName": "system-cluster-critical" },
      { "compute.priorityClassName": "system-node-critical" },
      "spec.compute.priorityClassName",
    ],
    [
      "claims, wherever they are named",
      { claims: ["pages", "tanren-*"] },
      { "storage.size": undefined, "storage.claimName": "tanren-a" },
      {
        "cleaning.stages": [
          { name: "learned", classifier: { clean: { claimName: "pages" }, dirty: { claimName: "other" } } },
        ],
      },
      "spec.cleaning.stages[0].classifier.dirty.claimName",
    ],
    [
      "labels of nodes, in nodeSelector",
      { nodeLabels: ["topology.kubernetes.io/*"] },
      { "compute.nodeSelector": { "topology.kubernetes.io/zone": "a" } },
      { "compute.nodeSelector": { "kubernetes.io/hostname": "n" } },
      "spec.compute.nodeSelector.kubernetes.io/hostname",
    ],
    [
      "labels of nodes, in affinity",
      { nodeLabels: ["pool"] },
      {},
      {
        "compute.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution": {
          nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["n"] }] }],
        },
      },
      "spec.compute.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key",
    ],
    [
      "taints; one without a key is all of them",
      { taints: ["nvidia.com/gpu"] },
      { "compute.tolerations": [{ key: "nvidia.com/gpu", operator: "Exists" }] },
      { "compute.tolerations": [{ operator: "Exists" }] },
      "spec.compute.tolerations[0].key",
    ],
    [
      "RuntimeClasses",
      { runtimeClasses: ["gvisor"] },
      { "compute.runtimeClassName": "gvisor" },
      { "compute.runtimeClassName": "runc" },
      "spec.compute.runtimeClassName",
    ],
    [
      "schedulers",
      { schedulers: ["volcano"] },
      { "compute.schedulerName": "volcano" },
      { "compute.schedulerName": "own" },
      "spec.compute.schedulerName",
    ],
    [
      "devices that are claimed",
      { resourceClaimTemplates: ["nic-*"] },
      { "compute.resourceClaims": [{ name: "nic", resourceClaimTemplateName: "nic-rdma" }] },
      { "compute.resourceClaims": [{ name: "nic", resourceClaimTemplateName: "gpus" }] },
      "spec.compute.resourceClaims[0].resourceClaimTemplateName",
    ],
    [
      "labels of pods, none by default",
      {},
      { "compute.labels": {} },
      { "compute.labels": { app: "shop" } },
      "spec.compute.labels.app",
    ],
    [
      "annotations of pods",
      { podAnnotations: ["cluster-autoscaler.kubernetes.io/*"] },
      { "compute.annotations": { "cluster-autoscaler.kubernetes.io/safe-to-evict": "false" } },
      { "compute.annotations": { "sidecar.istio.io/inject": "true" } },
      "spec.compute.annotations.sidecar.istio.io/inject",
    ],
    [
      "environment of pods",
      { env: ["NCCL_*"] },
      { "compute.env": [{ name: "NCCL_DEBUG", value: "INFO" }] },
      { "compute.env": [{ name: "PYTHONPATH", value: "/tanren/inputs/mine" }] },
      "spec.compute.env[0].name",
    ],
  ];
  test.each(refused)("governs %s", (_, allow, good, bad, field) => {
    expect(told("Corpus", good, allow)).toBeUndefined();
    expect(told("Corpus", bad, allow)).toMatch(
      new RegExp(`^${field.replaceAll(/[.[\]]/g, "\\$&")} ".*" is not allowed`),
    );
  });

  test("has no pattern that could be anything else than one", () => {
    for (const text of ["", "a'b", "a b", ".*", "a|b", "(a)", "a\\b"])
      expect(Allowed.safeParse({ images: [text] }).success, text).toBe(false);
  });
});
