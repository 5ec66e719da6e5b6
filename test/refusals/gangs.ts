import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AlignmentRun, alignmentRun } from "../../operator/api/kinds.ts";
import { connectKubernetes } from "../../operator/cluster/kubernetes/index.ts";
import type { Pod } from "../../operator/cluster/objects.ts";
import { pods } from "../../operator/cluster/resource.ts";
import { type Changes, changed } from "../../operator/testing/samples.ts";
import { OperatorProcess } from "../adapter/operator-process.ts";
import { ApiServer } from "../contract/api-server.ts";
import { installKinds } from "../contract/kubernetes-world.ts";
import { openNamespace } from "../contract/namespace.ts";
import { type NodeOptions, StandInNode } from "../contract/stand-in-node.ts";
import { eventually, isRunning } from "../contract/waiting.ts";

/** Runs of two pods that need a node each, nodes that come one by one, and the operator beside. */
export class Gangs {
  readonly namespace = `gangs-${randomBytes(4).toString("hex")}`;
  /** Pods of other tests keep off: nobody would run them there. */
  readonly kept = { key: this.namespace, effect: "NoSchedule" } as const;
  /** Kept from gangs that do not tolerate this either. */
  readonly later = { key: `${this.namespace}-later`, effect: "NoSchedule" } as const;
  readonly api: ApiServer;
  readonly cluster: ReturnType<typeof connectKubernetes>;
  readonly #kubeconfig: string;
  readonly #directory = mkdtempSync(join(tmpdir(), "tanren-gangs-"));
  readonly #nodes = new Map<string, StandInNode>();
  #operator: OperatorProcess | undefined;

  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
    this.api = new ApiServer(kubeconfig);
    this.cluster = connectKubernetes({ kubeconfig: { path: kubeconfig }, report: () => {} });
  }

  async open(): Promise<void> {
    const { api, namespace } = this;
    await installKinds(api);
    await openNamespace(api, namespace, { claims: ["files"] });
    this.#operator = new OperatorProcess(namespace, this.#directory, this.#kubeconfig, {
      namespace,
      leaderElection: { enabled: false },
      progressSeconds: 1,
    });
    await this.#operator.says("operator started");
  }

  async close(): Promise<void> {
    await this.#operator?.end();
    for (const [name, node] of this.#nodes) {
      await node.stop();
      await this.api.send("DELETE", `/api/v1/nodes/${name}`, {}, [404]);
    }
    await this.api.send("DELETE", `/api/v1/namespaces/${this.namespace}`);
    await this.cluster.stop();
    this.api.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async openNode(name: string, taints: NonNullable<NodeOptions["taints"]>): Promise<void> {
    const options = { name: this.#nodeName(name), cpu: "1", labels: { pool: this.namespace }, taints };
    const node = new StandInNode(this.cluster, this.api, this.namespace, options);
    this.#nodes.set(options.name, node);
    await node.start();
  }

  async taint(name: string, taints: NonNullable<NodeOptions["taints"]>): Promise<void> {
    await this.api.send("PATCH", `/api/v1/nodes/${this.#nodeName(name)}`, { spec: { taints } });
  }

  readonly #nodeName = (name: string) => `${this.namespace}-${name}`;

  async apply(name: string, tolerated: readonly { key: string }[], changes: Changes = {}): Promise<void> {
    const { namespace } = this;
    const spec = changed("AlignmentRun", {
      "model.pretrainRun": undefined,
      "model.directory": { claimName: "files" },
      "compute.nodes": 2,
      "compute.nodeSelector": { pool: namespace },
      "compute.tolerations": tolerated.map(({ key }) => ({ key, operator: "Exists" })),
      ...changes,
    });
    const { apiVersion, kind } = alignmentRun.resource;
    const wanted = { apiVersion, kind, metadata: { name, namespace }, spec };
    await this.api.send("POST", `/apis/${apiVersion}/namespaces/${namespace}/alignmentruns`, wanted);
  }

  async read(name: string): Promise<AlignmentRun | undefined> {
    return this.cluster.get(alignmentRun.resource, this.namespace, name);
  }

  podsOf(name: string): Promise<Pod[]> {
    return this.cluster.list(pods, { namespace: this.namespace, labels: { "tanren.dev/name": name } });
  }

  /** Waits until both pods of the gang run. */
  placed(name: string): Promise<Pod[]> {
    return eventually(
      async () => {
        const running = (await this.podsOf(name)).filter(isRunning);
        return running.length === 2 && running;
      },
      `${name} is placed whole`,
      120_000,
    );
  }

  /** Ends the programs of the gang. */
  async end(gang: readonly Pod[]): Promise<void> {
    const message = JSON.stringify({ reason: "InvalidData", message: "enough of it", metrics: {} });
    for (const pod of gang)
      for (const node of this.#nodes.values()) await node.tell(pod, { exit: { code: 64, message } });
  }
}

export const isUnschedulable = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ reason }) => reason === "Unschedulable") ?? false;
