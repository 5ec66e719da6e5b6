import { commonLabels, type Suite } from "./case.ts";

const enabled = { "allow.admissionPolicies": true };
const policy = "ValidatingAdmissionPolicy/tanren-operator-corpora";

/** What the policies refuse is tried on a real API server: install.test.ts. */
export const admissionpolicies: Suite = {
  cases: [
    { it: "is not there by default", makes: [] },
    {
      it: "judges what is new, and of what is there a change of the spec",
      set: enabled,
      of: policy,
      expect: {
        "metadata.labels": commonLabels,
        "spec.failurePolicy": "Fail",
        "spec.matchConstraints.resourceRules.0.operations": ["CREATE", "UPDATE"],
        "spec.matchConditions.0.expression": "oldObject == null || object.spec != oldObject.spec",
      },
    },
    {
      it: "reads patterns as the operator does: a dot is a dot, a star anything",
      set: { ...enabled, "allow.claims": ["a.b/*", "c"] },
      of: policy,
      expect: { "spec.variables.0": { name: "claims", expression: '["^a[.]b/.*$","^c$"]' } },
    },
    {
      it: "denies everywhere",
      set: enabled,
      of: "ValidatingAdmissionPolicyBinding/tanren-operator-corpora",
      expect: { "spec.policyName": "tanren-operator-corpora", "spec.validationActions": ["Deny"] },
      absent: ["spec.matchResources"],
    },
    {
      it: "keeps to the release's namespace in mode namespaced",
      set: { ...enabled, mode: "namespaced" },
      of: "ValidatingAdmissionPolicyBinding/tanren-operator-corpora-tanren-system",
      expect: {
        "spec.policyName": "tanren-operator-corpora-tanren-system",
        "spec.matchResources.namespaceSelector.matchLabels": {
          "kubernetes.io/metadata.name": "tanren-system",
        },
      },
    },
  ],
};
