import { programPort } from "../../../operator/contract/index.ts";
import { managed } from "../../../operator/engine/names.ts";
import { servingPort } from "../../../operator/serving/objects.ts";
import type { Suite } from "./case.ts";

const enabled = { "networkPolicies.enabled": true };
const scrapers = [{ podSelector: { matchLabels: { app: "prometheus" } } }];
const tcp = (port: number) => ({ port, protocol: "TCP" });

export const networkpolicyRuns: Suite = {
  cases: [
    { it: "is not there by default", makes: [] },
    {
      it: "denies pods of runs everything in the release's namespace",
      set: enabled,
      makes: ["NetworkPolicy/tanren-runs-deny"],
      expect: { spec: { podSelector: { matchLabels: managed }, policyTypes: ["Ingress", "Egress"] } },
    },
    {
      it: "is there in each namespace of runs, in the release's own once though it is named again",
      set: { ...enabled, "networkPolicies.runNamespaces": ["team-a", "tanren-system", "team-b"] },
      makes: [
        "NetworkPolicy/tanren-runs-deny",
        "NetworkPolicy/team-a/tanren-runs-deny",
        "NetworkPolicy/team-b/tanren-runs-deny",
      ],
    },
    {
      it: "lets scrapers read what programs and endpoints export, in each namespace of runs",
      set: { ...enabled, "networkPolicies.runNamespaces": ["team-a"], "networkPolicies.scrapers": scrapers },
      makes: [
        "NetworkPolicy/tanren-runs-deny",
        "NetworkPolicy/tanren-runs-scrape",
        "NetworkPolicy/team-a/tanren-runs-deny",
        "NetworkPolicy/team-a/tanren-runs-scrape",
      ],
      of: "NetworkPolicy/team-a/tanren-runs-scrape",
      expect: {
        spec: {
          podSelector: { matchLabels: managed },
          policyTypes: ["Ingress"],
          ingress: [{ from: scrapers, ports: [tcp(programPort), tcp(servingPort)] }],
        },
      },
    },
  ],
};
