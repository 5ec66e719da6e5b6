import type { App } from "cdk8s";
import { programPort } from "../../operator/contract/index.ts";
import { managed } from "../../operator/engine/names.ts";
import { servingPort } from "../../operator/serving/objects.ts";
import { operatorPort } from "./configuration.ts";
import { and, type Expression, each, item, token, value, when } from "./expression.ts";
import { isCluster, named, namespace, operatorLabels, operatorName, Template } from "./template.ts";

/**
 * Who may speak with whom. Policies add up: pods of runs are denied everything here, and the operator makes a policy for each run
 * and endpoint that allows what it needs.
 */

const enabled = value("networkPolicies.enabled");
const scrapers = value("networkPolicies.scrapers");
const apiServerPeers = value("networkPolicies.apiServer.peers");
const runNamespaces: Expression = {
  before: [{ release: "Namespace" }, value("networkPolicies.runNamespaces")],
};
const tcp = (port: number | string) => ({ port, protocol: "TCP" });

const policy = (name: string, where: string, spec: unknown) => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name, namespace: where },
  spec,
});

export function network(app: App): void {
  new Template(app, "networkpolicy-operator", { when: enabled }).add(policy(operatorName, namespace, operatorSpec()));
  new Template(app, "networkpolicy-runs", { when: enabled, forEach: runNamespaces }).add(
    policy(named("runs-deny"), token(item), {
      podSelector: { matchLabels: managed },
      policyTypes: ["Ingress", "Egress"],
    }),
  );
  new Template(app, "networkpolicy-scrapers", { when: and(enabled, scrapers), forEach: runNamespaces }).add(
    policy(named("runs-scrape"), token(item), {
      podSelector: { matchLabels: managed },
      policyTypes: ["Ingress"],
      ingress: [{ from: token(scrapers), ports: [tcp(programPort), tcp(servingPort)] }],
    }),
  );
}

function operatorSpec() {
  return {
    podSelector: { matchLabels: operatorLabels },
    policyTypes: ["Ingress", "Egress"],
    ingress: [{ from: when(scrapers, token(scrapers)), ports: [tcp(operatorPort)] }],
    egress: [
      {
        to: when(apiServerPeers, token(apiServerPeers)),
        ports: [each(value("networkPolicies.apiServer.ports"), { port: token(item), protocol: "TCP" })],
      },
      // Where the cluster's DNS runs differs between clusters; on some it is no pod at all.
      { ports: [tcp(53), { port: 53, protocol: "UDP" }] },
      {
        to: [
          {
            podSelector: { matchLabels: managed },
            namespaceSelector: when(isCluster, {}),
          },
        ],
        ports: [tcp(programPort)],
      },
    ],
  };
}
