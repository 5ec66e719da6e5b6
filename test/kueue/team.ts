import { randomBytes } from "node:crypto";
import { z } from "zod";
import { alignmentRun, type Corpus, corpus } from "../../operator/api/kinds.ts";
import { findCondition } from "../../operator/cluster/conditions.ts";
import type { Job, Pod } from "../../operator/cluster/objects.ts";
import type { Cluster } from "../../operator/cluster/port.ts";
import { jobs, pods } from "../../operator/cluster/resource.ts";
import { changed } from "../../operator/testing/samples.ts";
import type { ApiServer } from "../contract/api-server.ts";
import { openNamespace } from "../contract/namespace.ts";
import { StandInNode } from "../contract/stand-in-node.ts";
import { eventually, isRunning } from "../contract/waiting.ts";

const kueue = "/apis/kueue.x-k8s.io/v1beta2";
export const queueName = "queue";

export type Kind = "Corpus" | "AlignmentRun";
const resources = { Corpus: corpus.resource, AlignmentRun: alignmentRun.resource };

/** What a program says that has done its stage, which made no artifact. */
const well = JSON.stringify({ reason: "Completed", message: "done", metrics: {} });

/** What all teams share: what quota is of, and how Jobs rank. */
export async function installQuotaKinds(api: ApiServer): Promise<void> {
  const owned = (kind: string, name: string) => ({
    apiVersion: "kueue.x-k8s.io/v1beta2",
    kind,
    metadata: { name },
  });
  await api.send("POST", `${kueue}/resourceflavors`, { ...owned("ResourceFlavor", "default"), spec: {} });
  for (const [name, value] of Object.entries({ patient: 1, urgent: 100 }))
    await api.send("POST", `${kueue}/workloadpriorityclasses`, {
      ...owned("WorkloadPriorityClass", name),
      value,
    });
}

/** A namespace with a LocalQueue, quota for so many CPUs, and somebody who plays its pods. */
export class Team {
  readonly namespace = `team-${randomBytes(4).toString("hex")}`;
  readonly #cluster: Cluster;
  readonly #api: ApiServer;
  readonly #node: StandInNode;

  constructor(cluster: Cluster, api: ApiServer, podIP: string) {
    this.#cluster = cluster;
    this.#api = api;
    this.#node = new StandInNode(cluster, api, this.namespace, { podIP });
  }

  async open(cpu: number, admissionChecks: string[] = []): Promise<this> {
    const { namespace } = this;
    const own = (kind: string, name: string) => ({
      apiVersion: "kueue.x-k8s.io/v1beta2",
      kind,
      metadata: { name },
    });
    await openNamespace(this.#api, namespace, { claims: ["pages", "files"] });
    const quota = Object.entries({ cpu: String(cpu), memory: "1Ti" });
    await this.#api.send("POST", `${kueue}/clusterqueues`, {
      ...own("ClusterQueue", namespace),
      spec: {
        namespaceSelector: {},
        // Whoever waits longest goes first, even if it was tried in vain a moment ago.
        queueingStrategy: "StrictFIFO",
        preemption: { withinClusterQueue: "LowerPriority" },
        ...(admissionChecks.length > 0 && {
          admissionChecksStrategy: { admissionChecks: admissionChecks.map((name) => ({ name })) },
        }),
        resourceGroups: [
          {
            coveredResources: quota.map(([name]) => name),
            flavors: [
              {
                name: "default",
                resources: quota.map(([name, nominalQuota]) => ({ name, nominalQuota })),
              },
            ],
          },
        ],
      },
    });
    await this.#api.send("POST", `${kueue}/namespaces/${namespace}/localqueues`, {
      ...own("LocalQueue", queueName),
      spec: { clusterQueue: namespace },
    });
    await this.#node.start();
    return this;
  }

  async close(): Promise<void> {
    await this.#node.stop();
  }

  async apply(kind: Kind, name: string, compute: Record<string, unknown>, more: object = {}): Promise<void> {
    const { apiVersion } = resources[kind];
    const model = { "model.pretrainRun": undefined, "model.directory": { claimName: "files" } };
    const spec = changed(kind, { ...(kind === "AlignmentRun" ? model : {}), compute, ...more });
    const wanted = { apiVersion, kind, metadata: { name, namespace: this.namespace }, spec };
    await this.#cluster.apply(resources[kind] as typeof corpus.resource, wanted as never);
  }

  async remove(kind: Kind, name: string): Promise<void> {
    const { plural, apiVersion } = resources[kind];
    await this.#api.send("DELETE", `/apis/${apiVersion}/namespaces/${this.namespace}/${plural}/${name}`);
  }

  async run(kind: Kind, name: string): Promise<Corpus | undefined> {
    return this.#cluster.get(resources[kind] as typeof corpus.resource, this.namespace, name);
  }

  /** Waits until the run's root condition says so. */
  async says(kind: Kind, name: string, reason: string, message = /./): Promise<void> {
    let last: unknown;
    await eventually(async () => {
      const succeeded = findCondition((await this.run(kind, name))?.status?.conditions, "Succeeded");
      last = succeeded;
      return succeeded?.reason === reason && message.test(succeeded.message);
    }, `${name} says ${reason}: ${message}`).catch((cause: unknown) => {
      throw new Error(`${cause}; it says ${JSON.stringify(last)}`);
    });
  }

  jobsOf(name: string): Promise<Job[]> {
    return this.#cluster.list(jobs, { namespace: this.namespace, labels: { "tanren.dev/name": name } });
  }

  async podsOf(name: string): Promise<Pod[]> {
    const found = await this.#cluster.list(pods, {
      namespace: this.namespace,
      labels: { "tanren.dev/name": name },
    });
    return found.filter(isRunning);
  }

  /** Waits until the run's one pod of that stage runs. */
  runs(name: string, stage: string): Promise<Pod> {
    return eventually(async () => {
      const running = await this.podsOf(name);
      return running.find(({ metadata }) => metadata.labels?.["tanren.dev/stage"] === stage);
    }, `${name} runs stage ${stage}`);
  }

  finish(pod: Pod): Promise<void> {
    return this.#node.tell(pod, { exit: { code: 0, message: well } });
  }

  /** Suspends a Job as a person does. */
  async suspend(job: Job): Promise<void> {
    const path = `/apis/batch/v1/namespaces/${this.namespace}/jobs/${job.metadata.name}`;
    await this.#api.send("PATCH", path, { spec: { suspend: true } });
  }
}

/** Writes to Jobs of queues by the operator, by the audit log: of each name, how many times and how it was answered. */
export function jobWrites(auditLog: string, user: string): { name: string; verb: string; code: number }[] {
  const Event = z.object({
    verb: z.string(),
    user: z.object({ username: z.string() }),
    objectRef: z.object({ resource: z.string().optional(), name: z.string().optional() }).optional(),
    responseStatus: z.object({ code: z.number() }).optional(),
    requestObject: z.unknown().optional(),
  });
  return auditLog
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => Event.parse(JSON.parse(line)))
    .filter(({ user: { username }, objectRef }) => username === user && objectRef?.resource === "jobs")
    .filter(({ requestObject }) => JSON.stringify(requestObject ?? {}).includes("kueue.x-k8s.io/queue-name"))
    .map(({ verb, objectRef, responseStatus }) => ({
      name: objectRef?.name ?? "",
      verb,
      code: responseStatus?.code ?? 0,
    }));
}
