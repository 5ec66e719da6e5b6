import { networkPolicyRules, operatorRules } from "../../../charts/src/rights.ts";
import type { Suite } from "./case.ts";

const role = "ClusterRole/tanren-operator";
const binding = "ClusterRoleBinding/tanren-operator";
const subject = { kind: "ServiceAccount", name: "tanren-operator", namespace: "tanren-system" };

export const clusterrole: Suite = {
  cases: [
    {
      it: "gives the operator its rights in all namespaces",
      makes: [role, binding],
      of: role,
      expect: { rules: operatorRules },
    },
    {
      it: "is bound to the operator's ServiceAccount",
      of: binding,
      expect: {
        subjects: [subject],
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "tanren-operator" },
      },
    },
    {
      it: "is bound to a ServiceAccount of another name",
      set: { "serviceAccount.name": "somebody" },
      of: binding,
      expect: { subjects: [{ ...subject, name: "somebody" }] },
    },
    {
      it: "takes in NetworkPolicies where the operator makes them",
      set: { "networkPolicies.enabled": true },
      of: role,
      expect: { rules: [...operatorRules, ...networkPolicyRules] },
    },
    { it: "is not there in mode namespaced", set: { mode: "namespaced" }, makes: [] },
  ],
};
