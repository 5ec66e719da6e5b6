import { type Suite, uiLabels } from "./case.ts";

const enabled = { "networkPolicies.enabled": true, "ui.enabled": true };
const clients = [
  { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "ingress" } } },
  { podSelector: { matchLabels: { app: "proxy" } } },
];
const peers = [{ ipBlock: { cidr: "10.0.0.1/32" } }];
const tcp = (port: number) => ({ port, protocol: "TCP" });
const dns = { ports: [tcp(53), { port: 53, protocol: "UDP" }] };

export const networkpolicyUi: Suite = {
  cases: [
    { it: "is not there without the page", set: { "networkPolicies.enabled": true }, makes: [] },
    { it: "is not there where policies are not wanted", set: { "ui.enabled": true }, makes: [] },
    {
      it: "lets anyone open the page, and its server reach the API server and DNS, and nothing else",
      set: enabled,
      makes: ["NetworkPolicy/tanren-ui"],
      expect: {
        "metadata.namespace": "tanren-system",
        spec: {
          podSelector: { matchLabels: uiLabels },
          policyTypes: ["Ingress", "Egress"],
          ingress: [{ ports: [tcp(8080)] }],
          egress: [{ ports: [tcp(443), tcp(6443)] }, dns],
        },
      },
    },
    {
      it: "lets those open the page who are named",
      set: { ...enabled, "ui.clients": clients },
      expect: { "spec.ingress": [{ from: clients, ports: [tcp(8080)] }] },
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
