import { programPort } from "../../../operator/contract/index.ts";
import { managed } from "../../../operator/engine/names.ts";
import { operatorLabels, type Suite } from "./case.ts";

const enabled = { "networkPolicies.enabled": true };
const scrapers = [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } }];
const peers = [{ ipBlock: { cidr: "10.0.0.1/32" } }];
const tcp = (port: number) => ({ port, protocol: "TCP" });
const dns = { ports: [tcp(53), { port: 53, protocol: "UDP" }] };

export const networkpolicyOperator: Suite = {
  cases: [
    { it: "is not there by default", makes: [] },
    {
      it: "lets anyone read metrics, and the operator reach the API server, DNS and the progress of runs",
      set: enabled,
      makes: ["NetworkPolicy/tanren-operator"],
      expect: {
        "metadata.namespace": "tanren-system",
        spec: {
          podSelector: { matchLabels: operatorLabels },
          policyTypes: ["Ingress", "Egress"],
          ingress: [{ ports: [tcp(8080)] }],
          egress: [
            { ports: [tcp(443), tcp(6443)] },
            dns,
            {
              to: [{ podSelector: { matchLabels: managed }, namespaceSelector: {} }],
              ports: [tcp(programPort)],
            },
          ],
        },
      },
    },
    {
      it: "keeps to runs of the release's namespace in mode namespaced",
      set: { ...enabled, mode: "namespaced" },
      expect: { "spec.egress[2].to": [{ podSelector: { matchLabels: managed } }] },
    },
    {
      it: "lets those read metrics who are named",
      set: { ...enabled, "networkPolicies.scrapers": scrapers },
      expect: { "spec.ingress": [{ from: scrapers, ports: [tcp(8080)] }] },
    },
    {
      it: "lets spans reach the collector, at the port of its address or its protocol's own",
      set: { ...enabled, "tracing.endpoint": "http://collector.traces:4318" },
      expect: { "spec.egress[2]": { ports: [tcp(4318)] } },
    },
    {
      it: "knows the port of a collector that states none",
      set: { ...enabled, "tracing.endpoint": "https://collector.traces" },
      expect: { "spec.egress[2]": { ports: [tcp(443)] } },
    },
    {
      it: "knows where the API server is",
      set: {
        ...enabled,
        "networkPolicies.apiServer.peers": peers,
        "networkPolicies.apiServer.ports": [16443],
      },
      expect: { "spec.egress[0]": { to: peers, ports: [tcp(16443)] } },
    },
  ],
};
