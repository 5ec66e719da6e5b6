import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { admit } from "../../operator/api/admission.ts";
import { type KindDefinition, kinds, type TanrenObject } from "../../operator/api/kinds.ts";
import { connectLocal, LocalCluster } from "../../operator/cluster/local/index.ts";
import type { KubernetesObject, Pod, Wanted } from "../../operator/cluster/objects.ts";
import { pods, type Resource } from "../../operator/cluster/resource.ts";
import { steered } from "./objects.ts";
import { eventually, untilOver } from "./waiting.ts";
import type { World } from "./world.ts";

const namespace = "default";

/** The local adapter whole: its store, its controllers, its node, and a process for every pod. */
export async function openLocalWorld(): Promise<World> {
  const root = mkdtempSync(join(tmpdir(), "tanren-contract-"));
  const program = join(root, "program");
  const source = new URL("./steered-program.ts", import.meta.url).pathname;
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${source}"\n`);
  chmodSync(program, 0o755);
  const stateDirectory = join(root, "state");
  const errors: unknown[] = [];
  const cluster = await LocalCluster.open({
    stateDirectory,
    customResources: (kinds as readonly KindDefinition[]).map((kind) => ({
      resource: kind.resource,
      admit: (candidate, old) => admit(kind, candidate, old as TanrenObject | undefined),
    })),
    node: { cpus: 64, programs: { [steered]: program, python: program } },
    report: (error) => errors.push(error),
  });
  const connections: { close(): void }[] = [];
  const current = (pod: Pod) => cluster.get(pods, pod.metadata.namespace, pod.metadata.name);

  return {
    cluster,
    namespace,
    async another() {
      const connection = await connectLocal(stateDirectory);
      if (connection === undefined) throw new Error(`nobody answers for ${stateDirectory}`);
      connections.push(connection);
      return connection;
    },
    // There is one writer here, and what it states last holds.
    async applyAsPerson<T extends KubernetesObject>(resource: Resource<T>, wanted: object) {
      await cluster.apply(resource, wanted as Wanted<T>);
    },
    async setReady(pod, ready) {
      await tell(pod, `/ready?is=${ready}`);
    },
    async holdPod(pod) {
      await tell(pod, "/hold");
    },
    async finishPod(pod, exitCode, message) {
      const said = message === undefined ? "" : `&message=${encodeURIComponent(message)}`;
      await tell(pod, `/finish?code=${exitCode}${said}`);
      await untilOver(cluster, pod);
    },
    async disruptPod(pod) {
      const now = await current(pod);
      if (now?.status === undefined) throw new Error(`pod ${pod.metadata.name} is gone`);
      const lastTransitionTime = new Date().toISOString();
      const disrupted = {
        type: "DisruptionTarget",
        status: "True",
        reason: "EvictionByEvictionAPI",
      } as const;
      const conditions = [
        ...(now.status.conditions ?? []),
        { ...disrupted, message: "drained", lastTransitionTime },
      ];
      await cluster.updateStatus(pods, { ...now, status: { ...now.status, phase: "Failed", conditions } });
      await tell(pod, "/finish?code=137");
    },
    async environmentOf(pod) {
      return JSON.parse(await tell(pod, "/environment"));
    },
    async close() {
      for (const connection of connections) connection.close();
      cluster.hurry();
      await cluster.stop({ pods: "terminate" });
      rmSync(root, { recursive: true, force: true });
      if (errors.length > 0) throw new AggregateError(errors, "the local cluster reported errors");
    },
  };

  /** Speaks to the pod's program, once it is up. */
  function tell(pod: Pod, path: string): Promise<string> {
    return eventually(async () => {
      const address = (await current(pod))?.status?.podIP;
      if (address === undefined) return undefined;
      const answer = await fetch(`http://${address}:8000${path}`).catch(() => undefined);
      return answer?.ok ? (await answer.text()) || "ok" : undefined;
    }, `pod ${pod.metadata.name} answers ${path}`);
  }
}
