import type { Suite } from "./case.ts";

export const validate: Suite = {
  cases: [
    { it: "makes nothing", makes: [] },
    {
      it: "refuses a lease that ends before it is renewed",
      set: { "leaderElection.renewDeadlineSeconds": 20 },
      fails: /leaseDurationSeconds must be more than leaderElection.renewDeadlineSeconds/,
    },
    {
      it: "refuses a renewal shorter than its retries",
      set: { "leaderElection.retryPeriodSeconds": 10 },
      fails: /renewDeadlineSeconds must be more than leaderElection.retryPeriodSeconds/,
    },
    {
      it: "refuses to go without a ServiceAccount",
      set: { "serviceAccount.create": false },
      fails: /name the ServiceAccount that exists/,
    },
    {
      it: "refuses namespaces of runs beside the only one",
      set: { mode: "namespaced", "networkPolicies.runNamespaces": ["a"] },
      fails: /leave it empty/,
    },
  ],
};
