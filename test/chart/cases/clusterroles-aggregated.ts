import { editRules, viewRules } from "../../../charts/src/rights.ts";
import type { Suite } from "./case.ts";

export const clusterrolesAggregated: Suite = {
  cases: [
    {
      it: "lets those who may view a namespace view its runs",
      makes: ["ClusterRole/tanren-view", "ClusterRole/tanren-edit"],
      of: "ClusterRole/tanren-view",
      expect: { rules: viewRules },
    },
    {
      it: "lets those who may edit a namespace edit its runs",
      set: { mode: "namespaced" },
      of: "ClusterRole/tanren-edit",
      expect: { rules: editRules },
    },
    { it: "is left to whoever installs the definitions", set: { "crds.install": false }, makes: [] },
  ],
};
