import { parse } from "yaml";
import { z } from "zod";
import { apiVersion, type InferenceDeployment, inferenceDeployment } from "../../operator/api/kinds.ts";
import { findCondition } from "../../operator/cluster/conditions.ts";
import type { Deployment, Pod } from "../../operator/cluster/objects.ts";
import type { Cluster } from "../../operator/cluster/port.ts";
import { deployments, pods } from "../../operator/cluster/resource.ts";
import type { TestCluster } from "../cluster/cluster.ts";
import type { ApiServer } from "../contract/api-server.ts";
import { openNamespace } from "../contract/namespace.ts";
import { StandInNode } from "../contract/stand-in-node.ts";
import { eventually, given, isRunning } from "../contract/waiting.ts";
import { blocks } from "../docs/blocks.ts";

const page = "docs/guide/inference-deployment.md";
/** The name that the guide's manifests scale. */
export const name = "assistant";

/** The manifest of that kind that the guide shows, with what the test must have otherwise. */
export function guideManifest(
  kind: string,
  replaced: readonly [from: string | RegExp, to: string][],
): object {
  const text = given(blocks(page).find((block) => block.text.includes(`kind: ${kind}\n`))).text;
  const changed = replaced.reduce((now, [from, to]) => {
    const next = now.replaceAll(from, to);
    if (next === now) throw new Error(`${page}: ${kind} has no ${from}`);
    return next;
  }, text);
  return z.looseObject({ kind: z.literal(kind) }).parse(parse(changed));
}

const Managed = z.looseObject({
  metadata: z.looseObject({
    managedFields: z.array(
      z.looseObject({
        manager: z.string(),
        subresource: z.string().optional(),
        fieldsV1: z.looseObject({ "f:spec": z.looseObject({}).optional() }),
      }),
    ),
  }),
});

/** An InferenceDeployment in a namespace of its own, and somebody who plays its pods. */
export class Endpoint {
  readonly namespace: string;
  readonly #control: TestCluster;
  readonly #cluster: Cluster;
  readonly #api: ApiServer;
  readonly #node: StandInNode;

  constructor(
    namespace: string,
    {
      control,
      cluster,
      api,
      podIP,
    }: { control: TestCluster; cluster: Cluster; api: ApiServer; podIP?: string },
  ) {
    this.namespace = namespace;
    this.#control = control;
    this.#cluster = cluster;
    this.#api = api;
    this.#node = new StandInNode(cluster, api, namespace, podIP === undefined ? {} : { podIP });
  }

  async open(): Promise<this> {
    await openNamespace(this.#api, this.namespace, { claims: ["files"] });
    await this.#node.start();
    return this;
  }

  close(): Promise<void> {
    return this.#node.stop();
  }

  /** Applies the endpoint's manifest, which says nothing of replicas, as GitOps does again and again. */
  async applyWithoutReplicas(...flags: string[]): Promise<void> {
    await this.kubectlApply(
      {
        apiVersion,
        kind: "InferenceDeployment",
        metadata: { name },
        spec: { model: { directory: { claimName: "files", path: "model" } }, contextLength: 256 },
      },
      ...flags,
    );
  }

  async kubectlApply(object: object, ...flags: string[]): Promise<void> {
    const input = JSON.stringify(object);
    await this.kubectl(["apply", ...flags, "-f", "-"], input);
  }

  async kubectl(words: string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.#control.kubectl([...words, "-n", this.namespace], { input });
    if (code !== 0) throw new Error(stderr);
    return stdout;
  }

  async object(): Promise<InferenceDeployment> {
    return given(await this.#cluster.get(inferenceDeployment.resource, this.namespace, name));
  }

  async deployment(): Promise<Deployment> {
    return given(await this.#cluster.get(deployments, this.namespace, name));
  }

  async pods(): Promise<Pod[]> {
    return (await this.#cluster.list(pods, { namespace: this.namespace })).filter(isRunning);
  }

  async makeReady(): Promise<void> {
    for (const pod of await this.pods()) await this.#node.tell(pod, { ready: true });
  }

  /** Waits until so many replicas are asked for, are there and, as their programs are made ready, are ready. */
  async reaches(replicas: number): Promise<InferenceDeployment> {
    let last: InferenceDeployment | undefined;
    return eventually(async () => {
      await this.makeReady();
      const object = await this.object();
      last = object;
      const { spec, status } = object;
      const ready = findCondition(status?.conditions, "Ready");
      return (
        (spec as { replicas?: number }).replicas === replicas &&
        status?.observedGeneration === object.metadata.generation &&
        status?.replicas === replicas &&
        status.readyReplicas === replicas &&
        ready?.status === "True" &&
        ready.reason === (replicas === 0 ? "ScaledToZero" : "Available") &&
        object
      );
    }, `${replicas} replicas`).catch((cause: unknown) => {
      throw new Error(`${cause}; it is ${JSON.stringify({ spec: last?.spec, status: last?.status })}`);
    });
  }

  /** Waits until the object says so of its own readiness. */
  async says(status: string, reason: string): Promise<void> {
    await eventually(async () => {
      const ready = findCondition((await this.object()).status?.conditions, "Ready");
      return ready?.status === status && ready.reason === reason;
    }, `Ready is ${status}: ${reason}`);
  }

  /** Who has ever written a field of the spec. */
  async writersOfSpec(): Promise<string[]> {
    const { apiVersion, plural } = inferenceDeployment.resource;
    const path = `/apis/${apiVersion}/namespaces/${this.namespace}/${plural}/${name}`;
    return Managed.parse(await this.#api.send("GET", path))
      .metadata.managedFields.filter(({ fieldsV1 }) => fieldsV1["f:spec"] !== undefined)
      .map(({ manager, subresource }) =>
        subresource === undefined ? manager : `${manager} by ${subresource}`,
      );
  }
}

export const installManifest = new URL("../../charts/install/install.yaml", import.meta.url).pathname;
