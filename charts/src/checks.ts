import { and, type Expression, not, value } from "./expression.ts";
import { isNamespaced } from "./template.ts";

/** Values that are each right and together wrong, which a JSON schema cannot say. */
export interface Check {
  wrong: Expression;
  message: string;
}

export const checks: readonly Check[] = [
  {
    wrong: {
      atMost: [value("leaderElection.leaseDurationSeconds"), value("leaderElection.renewDeadlineSeconds")],
    },
    message:
      "leaderElection.leaseDurationSeconds must be more than leaderElection.renewDeadlineSeconds: raise the first",
  },
  {
    wrong: { atMost: [value("leaderElection.renewDeadlineSeconds"), value("leaderElection.retryPeriodSeconds")] },
    message:
      "leaderElection.renewDeadlineSeconds must be more than leaderElection.retryPeriodSeconds: lower the second",
  },
  {
    wrong: and(not(value("serviceAccount.create")), not(value("serviceAccount.name"))),
    message: "serviceAccount.create is false and serviceAccount.name is empty: name the ServiceAccount that exists",
  },
  {
    wrong: and(isNamespaced, value("networkPolicies.runNamespaces")),
    message:
      "networkPolicies.runNamespaces: with mode namespaced all runs are in the release's own namespace: leave it empty",
  },
];
