import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NetworkPolicies } from "../../operator/api/configuration.ts";
import { corpus, inferenceDeployment, kinds, pretrainRun } from "../../operator/api/kinds.ts";
import { findCondition, isTrue } from "../../operator/cluster/conditions.ts";
import { connectKubernetes, KubernetesCluster } from "../../operator/cluster/kubernetes/index.ts";
import type { KubernetesObject, Pod } from "../../operator/cluster/objects.ts";
import type { Cluster } from "../../operator/cluster/port.ts";
import {
  claims,
  configMaps,
  deployments,
  jobs,
  pods,
  type Resource,
  services,
} from "../../operator/cluster/resource.ts";
import { labels } from "../../operator/engine/names.ts";
import { batchKinds } from "../../operator/kinds/index.ts";
import { cachesOf, type Operator, startOperator } from "../../operator/operator.ts";
import { createLogger } from "../../operator/runtime/logger.ts";
import { writeKubeconfig } from "../../operator/testing/api-server.ts";
import { samples } from "../../operator/testing/samples.ts";
import { ApiServer } from "../contract/api-server.ts";
import { openNamespace } from "../contract/namespace.ts";
import { StandInNode } from "../contract/stand-in-node.ts";
import { eventually, isRunning } from "../contract/waiting.ts";
import { type Plan, WatchProxy } from "./watch-proxy.ts";

/**
 * One story on a real control plane: a model is trained, loses an attempt to the infrastructure, is trained
 * again and served, while another run is deleted at work. However the operator is disturbed, it must end as
 * when nobody disturbs it.
 */

const apiVersion = pretrainRun.resource.apiVersion;
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

/** How the program of each attempt ends. */
const endings: Record<string, { exit: number; result: object }> = {
  "base train 1": { exit: 75, result: { reason: "PeerLost", message: "a peer was lost", metrics: {} } },
  "base train 2": {
    exit: 0,
    result: {
      reason: "Completed",
      message: "trained",
      metrics: { loss: 2 },
      artifact: {
        ...{ path: "output/train", type: "model", digest: digest("b"), size_bytes: 1000 },
        ...{ context_length: 128, parameters: 10_000, vocabulary_size: 400, tokenizer_digest: digest("a") },
      },
    },
  },
};

export interface Stage {
  readonly namespace: string;
  /** A connection for an operator, disturbed by the plan. */
  connect(plan?: Plan): Promise<{ cluster: Cluster; proxy: WatchProxy; close(): Promise<void> }>;
  /** Plays the story to its end and returns what is left. */
  play(): Promise<unknown>;
  close(): Promise<void>;
}

export function operatorOn(cluster: Cluster, namespace: string): Promise<Operator> {
  return startOperator({
    cluster,
    namespace,
    kinds: batchKinds,
    askProgress: async () => undefined,
    progressSeconds: 1,
    logger: createLogger({ level: "silent" }),
    random: () => 0.5,
  });
}

export async function openStage(kubeconfig: string): Promise<Stage> {
  const directory = mkdtempSync(join(tmpdir(), "tanren-story-"));
  const api = new ApiServer(kubeconfig);
  const cluster = connectKubernetes({ kubeconfig: { path: kubeconfig }, report: () => {} });
  const namespace = `story-${randomBytes(4).toString("hex")}`;
  await openNamespace(api, namespace);
  await api.send("POST", "/api/v1/persistentvolumes", volume(namespace));
  await api.send("POST", `/api/v1/namespaces/${namespace}/persistentvolumeclaims`, claim(namespace));
  const node = new StandInNode(cluster, api, namespace);
  await node.start();
  const programs = cluster.watch(pods, { namespace }, ({ object }) => void endProgram(node, object));
  return {
    namespace,
    async connect(plan) {
      const proxy = await WatchProxy.start(kubeconfig, plan);
      const path = writeKubeconfig(mkdtempSync(join(directory, "k-")), { server: proxy.address });
      const connected = connectKubernetes({
        kubeconfig: { path },
        caches: cachesOf(NetworkPolicies.parse({})),
        namespace,
        report: () => {},
      });
      return {
        cluster: bound(connected),
        proxy,
        async close() {
          await connected.stop();
          await proxy.close();
        },
      };
    },
    play: () => play(cluster, api, namespace, node),
    async close() {
      programs.close();
      // At once: the controller of namespaces is long behind when hundreds of stories end.
      const options = { apiVersion: "v1", kind: "DeleteOptions" };
      for (const plural of ["apps/v1/deployments", "apps/v1/replicasets", "batch/v1/jobs"]) {
        const [group, version, name] = plural.split("/");
        const path = `/apis/${group}/${version}/namespaces/${namespace}/${name}`;
        await api.send("DELETE", path, { ...options, propagationPolicy: "Orphan" });
      }
      await api.send("DELETE", `/api/v1/namespaces/${namespace}/pods`, { ...options, gracePeriodSeconds: 0 });
      await node.stop();
      await api.send("DELETE", `/api/v1/namespaces/${namespace}`);
      await cluster.stop();
      await api.send("DELETE", `/api/v1/persistentvolumes/${namespace}`);
      api.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The connection as an object of functions, of which others can be made. */
function bound(connection: KubernetesCluster): Cluster {
  const methods = Object.entries(Object.getOwnPropertyDescriptors(KubernetesCluster.prototype))
    .filter(([name, { value }]) => name !== "constructor" && typeof value === "function")
    .map(([name, { value }]) => [name, value.bind(connection)]);
  return Object.fromEntries(methods);
}

const storage = { accessModes: ["ReadWriteMany"], storageClassName: "" };

/** Room that no program writes to: none runs. */
const volume = (namespace: string) => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name: namespace },
  spec: {
    ...storage,
    capacity: { storage: "1Gi" },
    claimRef: { namespace, name: "data" },
    hostPath: { path: "/none" },
  },
});
const claim = (namespace: string) => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "data" },
  spec: { ...storage, volumeName: namespace, resources: { requests: { storage: "1Gi" } } },
});

async function endProgram(node: StandInNode, pod: Pod): Promise<void> {
  const { [labels.name]: name, [labels.stage]: stage, [labels.attempt]: attempt } = pod.metadata.labels ?? {};
  const ending = endings[`${name} ${stage} ${attempt}`];
  if (ending === undefined || !isRunning(pod)) return;
  await node.tell(pod, { exit: { code: ending.exit, message: JSON.stringify(ending.result) } });
}

async function play(
  cluster: Cluster,
  api: ApiServer,
  namespace: string,
  node: StandInNode,
): Promise<unknown> {
  const apply = (resource: Resource<KubernetesObject>, name: string, spec: unknown) =>
    cluster.apply(resource, {
      apiVersion,
      kind: resource.kind,
      metadata: { name, namespace },
      spec,
    } as never);
  await apply(corpus.resource, "c", { ...samples.Corpus, suspend: true });
  const time = "2026-01-01T00:00:00Z";
  const condition = { status: "True", reason: "Completed", message: "", lastTransitionTime: time };
  const made = { type: "corpus", stage: "tokenize", claimName: "data", path: "c", digest: digest("a") };
  await api.send("PATCH", `/apis/${apiVersion}/namespaces/${namespace}/corpora/c/status`, {
    status: {
      startTime: time,
      completionTime: time,
      conditions: [{ type: "Succeeded", ...condition }],
      artifact: {
        ...{ ...made, sizeBytes: 1, parents: [], tokens: 1_000_000 },
        ...{ tokenizerDigest: digest("a"), vocabularySize: 400 },
      },
    },
  });
  await apply(inferenceDeployment.resource, "chat", {
    model: { pretrainRun: { name: "base" } },
    contextLength: 128,
  });
  const spec = { ...samples.PretrainRun, storage: { claimName: "data" } };
  await apply(pretrainRun.resource, "base", spec);
  await apply(pretrainRun.resource, "doomed", spec);
  const jobOf = async (run: string) =>
    (await cluster.list(jobs, { namespace, labels: { [labels.name]: run } })).length > 0;
  await eventually(() => jobOf("doomed"), "the run that is deleted at work has its Job", 60_000);
  const doomed = await cluster.get(pretrainRun.resource, namespace, "doomed");
  if (doomed) await cluster.delete(pretrainRun.resource, doomed);
  const isGone = async () => (await cluster.get(pretrainRun.resource, namespace, "doomed")) === undefined;
  await eventually(isGone, "the run that is deleted is gone", 60_000);
  await eventually(
    async () => {
      const run = await cluster.get(pretrainRun.resource, namespace, "base");
      return run?.status?.completionTime !== undefined;
    },
    "the run has ended",
    90_000,
  );
  await eventually(
    async () => {
      for (const pod of await cluster.list(pods, { namespace, labels: { [labels.name]: "chat" } }))
        if (isRunning(pod) && !isTrue(pod.status?.conditions, "Ready")) await node.tell(pod, { ready: true });
      const endpoint = await cluster.get(inferenceDeployment.resource, namespace, "chat");
      return findCondition(endpoint?.status?.conditions, "Ready")?.reason === "Available";
    },
    "the endpoint serves",
    60_000,
  );
  // By the cluster's garbage collector, which looks for new kinds every half minute.
  await eventually(
    async () => !(await jobOf("doomed")),
    "what was made for the run that is gone is gone",
    90_000,
  );
  return endState(cluster, namespace);
}

const children: Resource<KubernetesObject>[] = [jobs, configMaps, services, claims, deployments];

/** What there is once nothing moves any more, with everything masked that differs between two runs. */
async function endState(cluster: Cluster, namespace: string): Promise<unknown> {
  let last = "";
  const state = async () => {
    const made = await Promise.all(
      children.map(async (resource) =>
        (await cluster.list(resource, { namespace }))
          .filter(({ metadata }) => metadata.labels?.[labels.kind] !== undefined)
          .map(({ kind, metadata }) => `${kind}/${metadata.name}`),
      ),
    );
    const objects = await Promise.all(
      kinds.map((kind) =>
        cluster.list(kind.resource as Resource<KubernetesObject & { status?: unknown }>, { namespace }),
      ),
    );
    const uids = objects.flat().map(({ metadata }) => [metadata.uid, metadata.name] as const);
    const told = objects.flat().map(({ kind, metadata, status }) => ({
      object: `${kind}/${metadata.name}`,
      finalizers: metadata.finalizers,
      status,
    }));
    return masked({ made: made.flat().toSorted(), told }, uids);
  };
  await eventually(
    async () => {
      const before = last;
      last = await state();
      if (before !== last) await new Promise((resolve) => setTimeout(resolve, 1500));
      return before === last;
    },
    "nothing moves any more",
    60_000,
  );
  return JSON.parse(last);
}

function masked(value: unknown, uids: readonly (readonly [string, string])[]): string {
  let text = JSON.stringify(value);
  for (const [uid, name] of uids)
    text = text.replaceAll(uid, `<uid of ${name}>`).replaceAll(uid.slice(0, 8), `<uid of ${name}>`);
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
    .replaceAll(/story-[0-9a-f]{8}/g, "<namespace>")
    .replaceAll(/-[0-9a-f]{10}"/g, '-<hash>"');
}
