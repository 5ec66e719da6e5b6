import { Environment } from "@marcbachmann/cel-js";
import { expect, test } from "vitest";
import { admissionPolicies } from "../../charts/src/admission-policies.ts";
import { Allowed, notAllowed, patternExpression } from "../../operator/api/allowed.ts";
import { kinds } from "../../operator/api/kinds.ts";
import { type Changes, changed } from "../../operator/testing/samples.ts";

/** The generated expressions say what the operator's check says. What an API server makes of them: install.test.ts. */

const environment = new Environment({ unlistedVariablesAreDyn: true });
const allow = Allowed.parse({
  images: ["registry.example.com/tanren/*"],
  imagePullSecrets: ["registry"],
  claims: ["files", "pages", "team-*"],
  serviceAccounts: [],
  priorityClasses: ["system-cluster-critical", "*"],
  nodeLabels: ["topology.kubernetes.io/*"],
  taints: ["nvidia.com/gpu"],
  runtimeClasses: ["gvisor"],
  schedulers: [],
  resourceClaimTemplates: ["nic-*"],
  podLabels: ["example.com/*"],
  env: ["NCCL_*"],
});
const variables = {
  ...Object.fromEntries(Object.entries(allow).map(([list, texts]) => [list, texts.map(patternExpression)])),
  systemPriorityClasses: allow.priorityClasses,
};

const terms = (key: string) => ({ nodeSelectorTerms: [{ matchExpressions: [{ key, operator: "Exists" }] }] });
const affinity = "compute.affinity.nodeAffinity";
const changes: Changes[] = [
  {},
  { "compute.image": "registry.example.com/tanren/kernels:1" },
  { "compute.image": "registry-example.com/tanren/kernels:1" },
  { "compute.imagePullSecrets": [{ name: "registry" }] },
  { "compute.imagePullSecrets": [{ name: "registry" }, { name: "other" }] },
  { "compute.serviceAccountName": "default" },
  { "compute.priorityClassName": "system-cluster-critical" },
  { "compute.priorityClassName": "system-node-critical" },
  { "compute.priorityClassName": "batch" },
  { "compute.nodeSelector": { "topology.kubernetes.io/zone": "a" } },
  { "compute.nodeSelector": { "topology.kubernetes.io/zone": "a", pool: "b" } },
  { [`${affinity}.requiredDuringSchedulingIgnoredDuringExecution`]: terms("pool") },
  { [`${affinity}.requiredDuringSchedulingIgnoredDuringExecution`]: terms("topology.kubernetes.io/zone") },
  { "compute.tolerations": [{ key: "nvidia.com/gpu", operator: "Exists" }] },
  { "compute.tolerations": [{ key: "nvidia.com/gpu", operator: "Exists" }, { operator: "Exists" }] },
  { "compute.runtimeClassName": "gvisor" },
  { "compute.runtimeClassName": "runc" },
  { "compute.schedulerName": "volcano" },
  { "compute.resourceClaims": [{ name: "nic", resourceClaimTemplateName: "nic-rdma" }] },
  { "compute.resourceClaims": [{ name: "nic", resourceClaimTemplateName: "gpu" }] },
  { "compute.labels": { "example.com/team": "search" } },
  { "compute.labels": { "example.com/team": "search", app: "shop" } },
  { "compute.annotations": { "sidecar.istio.io/inject": "true" } },
  { "compute.env": [{ name: "NCCL_DEBUG", value: "INFO" }] },
  {
    "compute.env": [
      { name: "NCCL_DEBUG", value: "INFO" },
      { name: "PYTHONPATH", value: "a" },
    ],
  },
  { "storage.size": undefined, "storage.claimName": "team-a" },
  { storage: { claimName: "others" } },
  { auth: { secretName: "tanren-keys" } },
  { auth: { secretName: "database" } },
  { model: { directory: { claimName: "others" } } },
];

test.each(admissionPolicies.map((policy) => [policy.plural, policy] as const))(
  "%s: as the operator says",
  (plural, { validations }) => {
    const kind = kinds.find(({ resource }) => resource.plural === plural);
    if (kind === undefined) throw new Error(`there is no kind of ${plural}`);
    const verdicts = changes.map((change) => {
      const spec = changed(kind.resource.kind, change);
      const admitted = validations.every(
        ({ expression }) => environment.evaluate(expression, { object: { spec }, variables }) === true,
      );
      return { change, admitted, allowed: notAllowed(kind, spec, allow) === undefined };
    });
    expect(verdicts.filter(({ admitted, allowed }) => admitted !== allowed)).toEqual([]);
    expect(new Set(verdicts.map(({ admitted }) => admitted))).toEqual(new Set([true, false]));
  },
);
