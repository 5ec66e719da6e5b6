import { networkPolicyRules, operatorRules } from "../../../charts/src/rights.ts";
import type { Suite } from "./case.ts";

const own = "Role/tanren-operator";
const binding = "RoleBinding/tanren-operator";
const namespaced = { mode: "namespaced" };
const subject = { kind: "ServiceAccount", name: "tanren-operator", namespace: "tanren-system" };

export const role: Suite = {
  cases: [
    { it: "is not there in mode cluster", makes: [] },
    {
      it: "gives the operator its rights in the release's namespace",
      set: namespaced,
      makes: [own, binding],
      of: own,
      expect: { "metadata.namespace": "tanren-system", rules: operatorRules },
    },
    {
      it: "is bound to the operator's ServiceAccount",
      set: namespaced,
      of: binding,
      expect: {
        "metadata.namespace": "tanren-system",
        subjects: [subject],
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "tanren-operator" },
      },
    },
    {
      it: "is bound to a ServiceAccount of another name",
      set: { ...namespaced, "serviceAccount.name": "somebody" },
      of: binding,
      expect: { subjects: [{ ...subject, name: "somebody" }] },
    },
    {
      it: "takes in NetworkPolicies where the operator makes them",
      set: { ...namespaced, "networkPolicies.enabled": true },
      of: own,
      expect: { rules: [...operatorRules, ...networkPolicyRules] },
    },
  ],
};
