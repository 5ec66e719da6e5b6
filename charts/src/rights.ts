import { group, inferenceDeployment, kinds } from "../../operator/api/kinds.ts";

/** What the operator and people may do: what the operator does, no secrets, no exec, no wildcard. */

/** A PolicyRule of rbac.authorization.k8s.io/v1. */
export interface Rule {
  apiGroups: readonly string[];
  resources: readonly string[];
  resourceNames?: readonly string[];
  verbs: readonly string[];
}

const plurals = kinds.map(({ resource }) => resource.plural);
/** Kinds that carry a finalizer: what they made may be in use. */
const finalized = kinds.filter((kind) => kind !== inferenceDeployment).map(({ resource }) => resource.plural);
const scaled = kinds
  .filter(({ scale }) => scale !== undefined)
  .map(({ resource }) => `${resource.plural}/scale`);
const observe = ["get", "list", "watch"];

/** Server-side apply of an object that is not there yet is a patch and a create. */
const apply = ["create", "patch"];

export const operatorRules: readonly Rule[] = [
  // The finalizer stands in metadata; specs are never written.
  { apiGroups: [group], resources: finalized, verbs: [...observe, "patch"] },
  { apiGroups: [group], resources: [inferenceDeployment.resource.plural], verbs: ["list", "watch"] },
  { apiGroups: [group], resources: plurals.map((plural) => `${plural}/status`), verbs: ["update"] },
  // Asked for by clusters that check who may be an owner whose deletion waits for its children
  // (blockOwnerDeletion).
  { apiGroups: [group], resources: plurals.map((plural) => `${plural}/finalizers`), verbs: ["update"] },
  // Deleted are those of a node that does not answer, where a run's failurePolicy asks for it.
  { apiGroups: [""], resources: ["pods"], verbs: ["list", "watch", "delete"] },
  { apiGroups: [""], resources: ["configmaps", "services"], verbs: [...observe, ...apply, "delete"] },
  { apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: [...observe, ...apply] },
  { apiGroups: ["batch"], resources: ["jobs"], verbs: [...observe, ...apply, "delete"] },
  { apiGroups: ["apps"], resources: ["deployments"], verbs: [...observe, ...apply] },
  {
    apiGroups: ["policy"],
    resources: ["poddisruptionbudgets"],
    verbs: [...observe, ...apply, "delete"],
  },
  // Made where the API server schedules gangs; elsewhere the right is to nothing.
  { apiGroups: ["scheduling.k8s.io"], resources: ["podgroups"], verbs: [...observe, ...apply, "delete"] },
  // Listed where a Job waits for its queue; without Kueue the right is to nothing.
  { apiGroups: ["kueue.x-k8s.io"], resources: ["workloads"], verbs: ["list"] },
  // Listed where a Job or a pod does not say itself why it does not get on.
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: [...apply, "list"] },
];

/** Beside them where the operator makes NetworkPolicies. */
export const networkPolicyRules: readonly Rule[] = [
  { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: [...observe, ...apply] },
];

export const leaderElectionRules = (lease: string): readonly Rule[] => [
  // An object that does not exist yet has no name that a rule could state.
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
  {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    resourceNames: [lease],
    verbs: ["get", "update"],
  },
];

export const viewRules: readonly Rule[] = [{ apiGroups: [group], resources: plurals, verbs: observe }];

export const editRules: readonly Rule[] = [
  {
    apiGroups: [group],
    resources: plurals,
    verbs: [...observe, "create", "update", "patch", "delete", "deletecollection"],
  },
  { apiGroups: [group], resources: scaled, verbs: ["get", "update", "patch"] },
];
