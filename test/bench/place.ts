import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import type { ApiClient } from "./api-client.ts";

/**
 * Where one operator works: a namespace, a ServiceAccount of its own by which the audit log tells its calls,
 * a kubeconfig.
 */
export interface Place {
  namespace: string;
  /** The operator's name in the audit log. */
  user: string;
  kubeconfig: string;
}

/** Of a Role. */
export interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

const account = "operator";

export async function makePlace(
  api: ApiClient,
  directory: string,
  namespace: string,
  rules: readonly Rule[],
): Promise<Place> {
  const access = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const core = `/api/v1/namespaces/${namespace}`;
  await api.send("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
  await api.send("POST", `${core}/serviceaccounts`, { metadata: { name: account } });
  await api.send("POST", `${access}/roles`, { metadata: { name: account }, rules });
  await api.send("POST", `${access}/rolebindings`, {
    metadata: { name: account },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: account },
    subjects: [{ kind: "ServiceAccount", name: account, namespace }],
  });
  const { body } = await api.send("POST", `${core}/serviceaccounts/${account}/token`, {
    spec: { expirationSeconds: 86_400 },
  });
  const token = body.status?.token;
  if (token === undefined)
    throw new Error(`the API server gave ServiceAccount ${namespace}/${account} no token`);
  const kubeconfig = join(directory, `${namespace}.kubeconfig`);
  writeFileSync(kubeconfig, stringify(kubeconfigOf(api, namespace, token)), { mode: 0o600 });
  return { namespace, user: `system:serviceaccount:${namespace}:${account}`, kubeconfig };
}

function kubeconfigOf(api: ApiClient, namespace: string, token: string) {
  const name = "bench";
  const cluster = { server: api.server, "certificate-authority-data": api.authority.toString("base64") };
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace } }],
    "current-context": name,
  };
}
