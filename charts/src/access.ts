import type { App } from "cdk8s";
import { group, inferenceDeployment, kinds } from "../../operator/api/kinds.ts";
import { value, when } from "./expression.ts";
import { isCluster, isNamespaced, named, namespace, operatorName, Template } from "./template.ts";
import { serviceAccount } from "./workload.ts";

/** What the operator and people may do. Nothing but what the operator does: no secrets, no exec, no wildcard. */

const plurals = kinds.map(({ resource }) => resource.plural);
/** Kinds that carry a finalizer: what they made may be in use. */
const held = kinds.filter((kind) => kind !== inferenceDeployment).map(({ resource }) => resource.plural);
const observe = ["get", "list", "watch"];

/** Server-side apply of an object that is not there yet is a patch and a create. */
const apply = ["create", "patch"];

const operatorRules = [
  // The finalizer stands in metadata; specs are never written.
  { apiGroups: [group], resources: held, verbs: [...observe, "patch"] },
  { apiGroups: [group], resources: [inferenceDeployment.resource.plural], verbs: ["list", "watch"] },
  { apiGroups: [group], resources: plurals.map((plural) => `${plural}/status`), verbs: ["update"] },
  // Asked for by clusters that check who may be made an owner whose deletion waits for its children (blockOwnerDeletion).
  { apiGroups: [group], resources: plurals.map((plural) => `${plural}/finalizers`), verbs: ["update"] },
  { apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"] },
  { apiGroups: [""], resources: ["configmaps", "services"], verbs: [...observe, ...apply, "delete"] },
  { apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: [...observe, ...apply] },
  { apiGroups: ["batch"], resources: ["jobs"], verbs: [...observe, ...apply, "delete"] },
  { apiGroups: ["apps"], resources: ["deployments"], verbs: [...observe, ...apply] },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: apply },
  when(value("networkPolicies.enabled"), {
    apiGroups: ["networking.k8s.io"],
    resources: ["networkpolicies"],
    verbs: [...observe, ...apply],
  }),
];

const leaseRules = [
  // A name that is yet to be cannot be named in a rule.
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
  {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    resourceNames: [operatorName],
    verbs: ["get", "update"],
  },
];

const rbac = "rbac.authorization.k8s.io/v1";

export function access(app: App): void {
  const lease = new Template(app, "role-leader-election");
  grant(lease, "Role", { name: named("leader-election"), namespace }, leaseRules);
  const cluster = new Template(app, "clusterrole", { when: isCluster });
  grant(cluster, "ClusterRole", { name: operatorName }, operatorRules);
  const one = new Template(app, "role", { when: isNamespaced });
  grant(one, "Role", { name: operatorName, namespace }, operatorRules);

  // With the definitions: where they are there is something to view and edit, whatever looks after it.
  people(new Template(app, "clusterroles-of-people", { when: value("crds.install") }));
}

/** A role, bound to the operator's ServiceAccount. */
function grant(
  template: Template,
  kind: "ClusterRole" | "Role",
  metadata: { name: string; namespace?: string },
  rules: readonly unknown[],
): void {
  template.add({ apiVersion: rbac, kind, metadata, rules });
  template.add({
    apiVersion: rbac,
    kind: `${kind}Binding`,
    metadata,
    subjects: [{ kind: "ServiceAccount", name: serviceAccount, namespace }],
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: metadata.name },
  });
}

/** Whoever may view or edit a namespace may view or edit its runs: the cluster's own roles take these in. */
function people(template: Template): void {
  const aggregate = (...roles: string[]) =>
    Object.fromEntries(roles.map((role) => [`rbac.authorization.k8s.io/aggregate-to-${role}`, "true"]));
  template.add({
    apiVersion: rbac,
    kind: "ClusterRole",
    metadata: { name: named("view"), labels: aggregate("view") },
    rules: [{ apiGroups: [group], resources: plurals, verbs: observe }],
  });
  const scaled = kinds.filter(({ scale }) => scale !== undefined).map(({ resource }) => `${resource.plural}/scale`);
  template.add({
    apiVersion: rbac,
    kind: "ClusterRole",
    metadata: { name: named("edit"), labels: aggregate("edit", "admin") },
    rules: [
      {
        apiGroups: [group],
        resources: plurals,
        verbs: [...observe, "create", "update", "patch", "delete", "deletecollection"],
      },
      { apiGroups: [group], resources: scaled, verbs: ["get", "update", "patch"] },
    ],
  });
}
