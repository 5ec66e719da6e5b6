import { microTimestamp, timestamp } from "../../operator/clock/clock.ts";
import type { Condition, Pod, TerminatedState } from "../../operator/cluster/objects.ts";
import { type Cluster, ConflictError, NotFoundError } from "../../operator/cluster/port.ts";
import { pods } from "../../operator/cluster/resource.ts";
import type { ApiServer } from "./api-server.ts";
import { isOver } from "./waiting.ts";

const leasePath = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
const heartbeatMilliseconds = 10_000;

type PodStatus = NonNullable<Pod["status"]>;

interface Exit {
  code: number;
  message?: string;
}

export interface NodeOptions {
  /** Nodes of one name are one node. */
  name?: string;
  cpu?: string;
  labels?: Record<string, string>;
  taints?: { key: string; effect: "NoSchedule" }[];
  /** Where its pods are reached. */
  podIP?: string;
}

/** What the test has said of a pod. */
interface Word {
  ready?: boolean;
  held?: boolean;
  exit?: Exit;
  disrupted?: boolean;
}

/**
 * The kubelet's part of a namespace, without containers: pods that the scheduler bound run at once, and are
 * what the test says after that. Deleted ones end and are then taken away, as only a kubelet may do.
 */
export class StandInNode {
  readonly #cluster: Cluster;
  readonly #api: ApiServer;
  readonly #namespace: string;
  readonly #options: Required<NodeOptions>;
  readonly #words = new Map<string, Word>();
  readonly #turns = new Map<string, Promise<void>>();
  readonly #errors: unknown[] = [];
  #heartbeat: NodeJS.Timeout | undefined;
  #watch: { close(): void } | undefined;

  constructor(cluster: Cluster, api: ApiServer, namespace: string, options: NodeOptions = {}) {
    this.#cluster = cluster;
    this.#api = api;
    this.#namespace = namespace;
    const standard = { name: "stand-in", cpu: "100k", podIP: "192.0.2.1", labels: {}, taints: [] };
    this.#options = { ...standard, ...options };
  }

  /**
   * The node is shared by all namespaces; whoever comes first registers it. Without a `cpu` of its own it has room
   * for whatever a run of all suites leaves behind.
   */
  async start(): Promise<void> {
    const { name: nodeName, cpu, taints } = this.#options;
    const resources = { cpu, memory: "100Ti", "ephemeral-storage": "100Ti", pods: "100k" };
    const now = timestamp(new Date());
    const ready = {
      type: "Ready",
      status: "True",
      reason: "KubeletReady",
      message: "stands in for a kubelet",
    };
    const status = {
      capacity: resources,
      allocatable: resources,
      conditions: [{ ...ready, lastHeartbeatTime: now, lastTransitionTime: now }],
    };
    const labels = {
      "kubernetes.io/hostname": nodeName,
      "kubernetes.io/os": "linux",
      "kubernetes.io/arch": "amd64",
      ...this.#options.labels,
    };
    const node = {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: nodeName, labels },
      spec: { taints },
      status,
    };
    await this.#api.send("POST", "/api/v1/nodes", node, [409]);
    await this.#api.send("PATCH", `/api/v1/nodes/${nodeName}/status`, { status });
    const metadata = { name: nodeName, namespace: "kube-node-lease" };
    const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec: this.#renewal() };
    await this.#api.send("POST", leasePath, lease, [409]);
    this.#heartbeat = setInterval(() => {
      const renewed = this.#api.send("PATCH", `${leasePath}/${nodeName}`, { spec: this.#renewal() });
      renewed.catch((error) => this.#errors.push(error));
    }, heartbeatMilliseconds);
    const watch = this.#cluster.watch(pods, { namespace: this.#namespace }, ({ object }) =>
      this.#mark(object),
    );
    this.#watch = watch;
    await watch.synced;
  }

  /** Says something of a pod, and carries it out. */
  async tell(pod: Pod, word: Word): Promise<void> {
    const { uid } = pod.metadata;
    this.#words.set(uid, { ...this.#words.get(uid), ...word });
    await this.#mark(pod);
  }

  async stop(): Promise<void> {
    clearInterval(this.#heartbeat);
    this.#watch?.close();
    await Promise.all(this.#turns.values());
    if (this.#errors.length > 0) throw new AggregateError(this.#errors, "the stand-in for a node had errors");
  }

  #renewal() {
    return {
      holderIdentity: this.#options.name,
      leaseDurationSeconds: 40,
      renewTime: microTimestamp(new Date()),
    };
  }

  /** One turn after another for each pod. */
  #mark({ metadata }: Pod): Promise<void> {
    const before = this.#turns.get(metadata.uid) ?? Promise.resolve();
    const turn = before.then(() => this.#sync(metadata)).catch((error) => void this.#errors.push(error));
    this.#turns.set(metadata.uid, turn);
    return turn;
  }

  async #sync({ name, uid }: Pod["metadata"]): Promise<void> {
    const pod = await this.#cluster.get(pods, this.#namespace, name);
    if (pod?.metadata.uid !== uid || pod.spec.nodeName !== this.#options.name) return;
    const leaving = pod.metadata.deletionTimestamp !== undefined;
    const word = this.#words.get(uid) ?? {};
    const killed = leaving && !word.held ? { code: 143 } : undefined;
    const exit = word.exit ?? killed;
    const status = isOver(pod) ? undefined : next(pod, word, exit, this.#options.podIP);
    try {
      if (status !== undefined) await this.#cluster.updateStatus(pods, { ...pod, status });
    } catch (error) {
      if (error instanceof NotFoundError) return;
      if (!(error instanceof ConflictError)) throw error;
      return this.#sync(pod.metadata);
    }
    if (leaving && (isOver(pod) || exit !== undefined)) await this.#takeAway(pod);
  }

  async #takeAway({ metadata: { name, uid } }: Pod): Promise<void> {
    const options = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      gracePeriodSeconds: 0,
      preconditions: { uid },
    };
    await this.#api.send("DELETE", `/api/v1/namespaces/${this.#namespace}/pods/${name}`, options, [404, 409]);
  }
}

/** The status the pod should have; undefined when it has it already. */
function next(pod: Pod, word: Word, exit: Word["exit"], podIP: string): PodStatus | undefined {
  const [stated] = pod.spec.containers;
  const [container] = pod.status?.containerStatuses ?? [];
  const phase = phaseOf(word, exit);
  const ready = phase === "Running" && (word.ready ?? stated?.readinessProbe === undefined);
  if (phase === "Running" && pod.status?.phase === "Running" && container?.ready === ready) return undefined;
  const now = timestamp(new Date());
  const startedAt = container?.state.running?.startedAt ?? now;
  const state = exit ? { terminated: terminated(exit, startedAt, now) } : { running: { startedAt } };
  const { name = "", image = "" } = stated ?? {};
  const conditions = {
    ...{ Ready: ready, ContainersReady: ready },
    ...(word.disrupted && { DisruptionTarget: true }),
  };
  return {
    ...pod.status,
    phase,
    podIP: pod.status?.podIP ?? podIP,
    startTime: pod.status?.startTime ?? now,
    conditions: [
      ...(pod.status?.conditions ?? []).filter(({ type }) => !Object.hasOwn(conditions, type)),
      ...Object.entries(conditions).map(([type, holds]) => condition(type, holds, now)),
    ],
    containerStatuses: [{ ...{ name, image, imageID: image, ready, restartCount: 0 }, state }],
  };
}

function phaseOf({ disrupted }: Word, exit: Word["exit"]): PodStatus["phase"] {
  if (disrupted) return "Failed";
  if (exit === undefined) return "Running";
  return exit.code === 0 ? "Succeeded" : "Failed";
}

function terminated({ code, message }: Exit, startedAt: string, finishedAt: string): TerminatedState {
  const reason = code === 0 ? "Completed" : "Error";
  return { exitCode: code, reason, ...(message !== undefined && { message }), startedAt, finishedAt };
}

function condition(type: string, holds: boolean, lastTransitionTime: string): Condition {
  return { type, status: holds ? "True" : "False", reason: "StandIn", message: "", lastTransitionTime };
}
