import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { join } from "node:path";
import { z } from "zod";
import type { TestCluster } from "../cluster/cluster.ts";
import { freePort } from "../cluster/free-port.ts";
import type { ApiServer } from "../contract/api-server.ts";
import { eventually } from "../contract/waiting.ts";

const group = "custom.metrics.k8s.io";
const version = "v1beta2";
const Pods = z.looseObject({
  items: z.array(z.looseObject({ metadata: z.looseObject({ name: z.string() }) })),
});
const Service = z.looseObject({
  status: z
    .looseObject({ conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]) })
    .default({ conditions: [] }),
});

/**
 * In place of an adapter such as prometheus-adapter: the API of pods' metrics that the HorizontalPodAutoscaler's
 * controller asks. All pods of a selector bear the load in equal parts, as behind a Service.
 */
export class PodMetricsApi {
  load = 0;
  readonly #metric: string;
  readonly #api: ApiServer;
  #server: Server | undefined;

  constructor(api: ApiServer, metric: string) {
    this.#api = api;
    this.#metric = metric;
  }

  async start(cluster: TestCluster): Promise<void> {
    const pki = (file: string) => readFileSync(join(cluster.directory, "pki", file));
    const server = createServer(
      { cert: pki("apiserver.crt"), key: pki("apiserver.key") },
      (request, response) => {
        this.#answer(new URL(request.url ?? "", "https://here"))
          .then((answer) => {
            response.setHeader("content-type", "application/json");
            if (answer === undefined) response.statusCode = 404;
            response.end(JSON.stringify(answer ?? {}));
          })
          .catch((error: unknown) => response.writeHead(500).end(String(error)));
      },
    );
    this.#server = server;
    const port = await freePort();
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    const owned = { name: "pod-metrics", namespace: "kube-system" };
    await this.#api.send("POST", "/api/v1/namespaces/kube-system/services", {
      apiVersion: "v1",
      kind: "Service",
      metadata: owned,
      spec: { type: "ExternalName", externalName: "127.0.0.1" },
    });
    const path = "/apis/apiregistration.k8s.io/v1/apiservices";
    const name = `${version}.${group}`;
    await this.#api.send("POST", path, {
      apiVersion: "apiregistration.k8s.io/v1",
      kind: "APIService",
      metadata: { name },
      spec: {
        group,
        version,
        groupPriorityMinimum: 100,
        versionPriority: 100,
        service: { ...owned, port },
        insecureSkipTLSVerify: true,
      },
    });
    await this.#reader();
    await eventually(async () => {
      const { status } = Service.parse(await this.#api.send("GET", `${path}/${name}`));
      return status.conditions.some((one) => one.type === "Available" && one.status === "True");
    }, "metrics of pods are served");
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve) ?? resolve(undefined));
  }

  /** The right that an adapter's installation gives the controller. */
  async #reader(): Promise<void> {
    const rbac = "/apis/rbac.authorization.k8s.io/v1";
    const metadata = { name: "pod-metrics-reader" };
    const apiVersion = "rbac.authorization.k8s.io/v1";
    await this.#api.send("POST", `${rbac}/clusterroles`, {
      apiVersion,
      kind: "ClusterRole",
      metadata,
      rules: [{ apiGroups: [group], resources: ["*"], verbs: ["*"] }],
    });
    await this.#api.send("POST", `${rbac}/clusterrolebindings`, {
      apiVersion,
      kind: "ClusterRoleBinding",
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: metadata.name },
      subjects: [{ kind: "ServiceAccount", name: "horizontal-pod-autoscaler", namespace: "kube-system" }],
    });
  }

  async #answer({ pathname, searchParams }: URL): Promise<object | undefined> {
    const base = `/apis/${group}/${version}`;
    if (pathname === base)
      return {
        kind: "APIResourceList",
        apiVersion: "v1",
        groupVersion: `${group}/${version}`,
        resources: [
          {
            name: `pods/${this.#metric}`,
            singularName: "",
            namespaced: true,
            kind: "MetricValueList",
            verbs: ["get"],
          },
        ],
      };
    const [, namespace, metric] =
      new RegExp(`^${base}/namespaces/([^/]+)/pods/\\*/([^/]+)$`).exec(decodeURIComponent(pathname)) ?? [];
    if (metric !== this.#metric) return undefined;
    const query = new URLSearchParams({ labelSelector: searchParams.get("labelSelector") ?? "" });
    const { items } = Pods.parse(
      await this.#api.send("GET", `/api/v1/namespaces/${namespace}/pods?${query}`),
    );
    const value = `${Math.round((this.load * 1000) / Math.max(1, items.length))}m`;
    const timestamp = new Date().toISOString();
    return {
      kind: "MetricValueList",
      apiVersion: `${group}/${version}`,
      metadata: {},
      items: items.map(({ metadata: { name } }) => ({
        describedObject: { apiVersion: "/v1", kind: "Pod", namespace, name },
        metric: { name: metric },
        timestamp,
        value,
      })),
    };
  }
}
