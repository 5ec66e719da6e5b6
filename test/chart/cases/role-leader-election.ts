import { leaderElectionRules } from "../../../charts/src/rights.ts";
import type { Suite } from "./case.ts";

const role = "Role/tanren-leader-election";
const binding = "RoleBinding/tanren-leader-election";

export const roleLeaderElection: Suite = {
  cases: [
    {
      it: "lets the operator hold its Lease, in the release's namespace alone",
      makes: [role, binding],
      of: role,
      expect: { "metadata.namespace": "tanren-system", rules: leaderElectionRules("tanren-operator") },
    },
    {
      it: "is bound to a ServiceAccount of another name",
      set: { "serviceAccount.name": "somebody" },
      of: binding,
      expect: { subjects: [{ kind: "ServiceAccount", name: "somebody", namespace: "tanren-system" }] },
    },
  ],
};
