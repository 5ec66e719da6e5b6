import type { NetworkPolicies } from "../api/configuration.ts";
import type { KubernetesObject, NetworkPolicy, NetworkPolicyPeer, Wanted } from "../cluster/objects.ts";
import { networkPolicies, type Resource } from "../cluster/resource.ts";
import { programPort } from "../contract/index.ts";
import { childLabels, controllerReference, dnsLabel, ownedBy } from "./names.ts";

/**
 * Who may speak with the pods of an object: itself, the operator that asks for progress, and the clients of
 * an endpoint. Nobody else.
 */

/** The kind of child that only some configurations ask for. */
export const policyKinds = ({ enabled }: NetworkPolicies): Resource<KubernetesObject>[] =>
  enabled ? [networkPolicies] : [];

/**
 * The policy of a run's pods, or of an endpoint's when `servingPort` is given. Ranks reach each other and
 * names are looked up; everything else that the configuration does not name is denied, both ways. Undefined
 * where the configuration asks for none.
 */
export function networkPolicy(
  owner: KubernetesObject,
  { enabled, operator, clients, egress }: NetworkPolicies,
  servingPort?: number,
): Wanted<NetworkPolicy> | undefined {
  if (!enabled) return undefined;
  const own: NetworkPolicyPeer = { podSelector: { matchLabels: ownedBy(owner) } };
  const anyone: NetworkPolicyPeer[] = [{ namespaceSelector: {} }];
  const ranks = servingPort === undefined;
  const asker: NetworkPolicyPeer | undefined = operator && {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": operator.namespace } },
    podSelector: { matchLabels: operator.podLabels },
  };
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: {
      name: dnsLabel(`${owner.kind.toLowerCase()}-${owner.metadata.name}`),
      namespace: owner.metadata.namespace,
      labels: childLabels(owner),
      ownerReferences: [controllerReference(owner)],
    },
    spec: {
      podSelector: { matchLabels: ownedBy(owner) },
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        ...(ranks
          ? [{ from: [own] }]
          : [{ from: clients.length > 0 ? clients : anyone, ports: [tcp(servingPort)] }]),
        ...(ranks && asker ? [{ from: [asker], ports: [tcp(programPort)] }] : []),
      ],
      // Where the cluster's DNS runs differs between clusters; on some it is no pod at all. Nothing is left
      // out rather than stated empty: the API server would take every repeat of an empty list for a change.
      ...(ranks
        ? { egress: [{ to: [own] }, dns, ...egress] }
        : egress.length > 0 && { egress: [dns, ...egress] }),
    },
  };
}

const tcp = (port: number) => ({ port, protocol: "TCP" as const });
const dns = { ports: [tcp(53), { port: 53, protocol: "UDP" as const }] };
