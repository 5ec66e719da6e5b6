import type { ApiServer } from "./api-server.ts";
import { eventually } from "./waiting.ts";

export interface NamespaceOptions {
  labels?: Record<string, string>;
  /** Names of claims that specs may refer to; nothing binds them. */
  claims?: readonly string[];
}

/** Makes a namespace, and waits until it can have pods: until its ServiceAccount is there. */
export async function openNamespace(
  api: ApiServer,
  name: string,
  { labels = {}, claims = [] }: NamespaceOptions = {},
): Promise<void> {
  await api.send("POST", "/api/v1/namespaces", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels },
  });
  for (const claim of claims)
    await api.send("POST", `/api/v1/namespaces/${name}/persistentvolumeclaims`, {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: claim },
      spec: { accessModes: ["ReadWriteMany"], resources: { requests: { storage: "1Gi" } } },
    });
  const account = `/api/v1/namespaces/${name}/serviceaccounts/default`;
  await eventually(
    async () => (await api.ask("GET", account)).code === 200,
    `namespace ${name} can have pods`,
  );
}
