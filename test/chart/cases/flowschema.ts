import type { Suite } from "./case.ts";

const schema = "FlowSchema/tanren-operator-leader-election";

export const flowschema: Suite = {
  cases: [
    {
      it: "puts the operator's leases, and nothing else of it, beside those of Kubernetes' own controllers",
      makes: [schema],
      expect: {
        "spec.priorityLevelConfiguration.name": "leader-election",
        "spec.rules": [
          {
            subjects: [
              {
                kind: "ServiceAccount",
                serviceAccount: { name: "tanren-operator", namespace: "tanren-system" },
              },
            ],
            resourceRules: [
              {
                apiGroups: ["coordination.k8s.io"],
                resources: ["leases"],
                verbs: ["get", "create", "update"],
                namespaces: ["tanren-system"],
              },
            ],
          },
        ],
      },
    },
    {
      it: "knows a ServiceAccount of another name",
      set: { "serviceAccount.name": "somebody" },
      expect: { "spec.rules[0].subjects[0].serviceAccount.name": "somebody" },
    },
    {
      it: "is not there in mode namespaced, which makes nothing outside its namespace",
      set: { mode: "namespaced" },
      makes: [],
    },
  ],
};
