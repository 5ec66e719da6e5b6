import { operatorLabels, type Suite } from "./case.ts";

const enabled = { "podDisruptionBudget.enabled": true };

export const poddisruptionbudget: Suite = {
  cases: [
    { it: "is not there by default", makes: [] },
    {
      it: "lets one of the operator's pods go at a time",
      set: enabled,
      makes: ["PodDisruptionBudget/tanren-operator"],
      expect: {
        "metadata.namespace": "tanren-system",
        spec: { maxUnavailable: 1, selector: { matchLabels: operatorLabels } },
      },
    },
    {
      it: "lets more of them go",
      set: { ...enabled, "podDisruptionBudget.maxUnavailable": 2 },
      expect: { "spec.maxUnavailable": 2 },
    },
  ],
};
