import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import { customResourceDefinition } from "../../operator/api/crd.ts";
import { type KindDefinition, kinds } from "../../operator/api/kinds.ts";
import { connectKubernetes, type KubernetesOptions } from "../../operator/cluster/kubernetes/index.ts";
import type { KubernetesObject, Pod, Wanted } from "../../operator/cluster/objects.ts";
import { builtinResources, type Resource } from "../../operator/cluster/resource.ts";
import { ApiServer } from "./api-server.ts";
import { openNamespace } from "./namespace.ts";
import { StandInNode } from "./stand-in-node.ts";
import { eventually, untilOver } from "./waiting.ts";
import type { World } from "./world.ts";

/** The adapter before a real control plane; a stand-in plays the kubelet. */
export async function openKubernetesWorld({ cached = false } = {}): Promise<World> {
  const resources: Resource<KubernetesObject>[] = [
    ...builtinResources,
    ...kinds.map(({ resource }) => resource),
  ];
  const caches = cached ? resources.map((resource) => ({ resource })) : [];
  const kubeconfig = { path: inject("kubeconfig") };
  const errors: unknown[] = [];
  const connect = (options: Partial<KubernetesOptions> = {}) =>
    connectKubernetes({ kubeconfig, report: (error) => errors.push(error), ...options });
  const api = new ApiServer(kubeconfig.path);
  await installKinds(api);
  const namespace = `contract-${randomBytes(4).toString("hex")}`;
  // Whatever pods the suite has, they keep to the strictest standard, as ours claim to.
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  await openNamespace(api, namespace, { labels });

  const connections = [connect({ caches, namespace })];
  const [cluster] = connections as [ReturnType<typeof connect>];
  const aside = connect();
  const person = connect({ fieldManager: "person" });
  connections.push(aside, person);
  const node = new StandInNode(aside, api, namespace);
  await node.start();

  return {
    cluster,
    namespace,
    async another() {
      const connection = connect({ caches, namespace });
      connections.push(connection);
      return connection;
    },
    async applyAsPerson<T extends KubernetesObject>(resource: Resource<T>, wanted: object) {
      await person.apply(resource, wanted as Wanted<T>);
    },
    setReady: (pod, ready) => node.tell(pod, { ready }),
    holdPod: (pod) => node.tell(pod, { held: true }),
    async finishPod(pod, code, message) {
      await node.tell(pod, { exit: { code, ...(message !== undefined && { message }) } });
      await untilOver(cluster, pod);
    },
    async disruptPod(pod) {
      await node.tell(pod, { disrupted: true });
      await untilOver(cluster, pod);
    },
    async environmentOf(pod) {
      return Object.fromEntries(
        pod.spec.containers[0]?.env.map((variable) => [variable.name, resolved(pod, variable)]) ?? [],
      );
    },
    async close() {
      await node.stop();
      for (const connection of connections) await connection.stop();
      await api.send("DELETE", `/api/v1/namespaces/${namespace}`);
      api.close();
      if (errors.length > 0) throw new AggregateError(errors, "watches reported errors");
    },
  };
}

/** Installs the CustomResourceDefinitions of this checkout, and waits until they are served. */
export async function installKinds(api: ApiServer): Promise<void> {
  for (const kind of kinds as readonly KindDefinition[]) {
    const definition = customResourceDefinition(kind) as { metadata: { name: string } };
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${definition.metadata.name}`;
    await api.send("APPLY", `${path}?fieldManager=test&force=true`, definition);
  }
  for (const { resource } of kinds) {
    const path = `/apis/${resource.apiVersion}/${resource.plural}`;
    await eventually(async () => (await api.ask("GET", path)).code === 200, `${resource.plural} are served`);
  }
}

/** As a kubelet resolves a variable. */
function resolved(
  pod: Pod,
  { value = "", valueFrom }: { value?: string; valueFrom?: { fieldRef: { fieldPath: string } } },
) {
  const path = valueFrom?.fieldRef.fieldPath;
  if (path === undefined) return value;
  const [, map, key] = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path) ?? [];
  if (map === "labels" || map === "annotations") return pod.metadata[map]?.[key ?? ""] ?? "";
  if (path === "status.podIP") return pod.status?.podIP ?? "";
  throw new Error(`the stand-in cannot resolve fieldRef ${path}`);
}
