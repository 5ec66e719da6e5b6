import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { admit } from "../../operator/api/admission.ts";
import { type KindDefinition, kinds, type TanrenObject } from "../../operator/api/kinds.ts";
import { findCondition } from "../../operator/cluster/conditions.ts";
import { LocalCluster } from "../../operator/cluster/local/index.ts";
import type { KubernetesObject, Wanted } from "../../operator/cluster/objects.ts";
import type { Cluster } from "../../operator/cluster/port.ts";
import { claims, type Resource } from "../../operator/cluster/resource.ts";
import { batchKinds } from "../../operator/kinds/index.ts";
import { startOperator } from "../../operator/operator.ts";
import { createLogger } from "../../operator/runtime/logger.ts";

/**
 * An operator over a local cluster whose kernels are stand-ins, and a person who applies the manifests and
 * retries a run that has failed, once. With CRASH_AFTER=n it is killed by SIGKILL right after the n-th write
 * of its reconcilers; otherwise it runs until every object has succeeded and prints the number of writes.
 *
 * usage: crash-driver.ts STATE MANIFESTS WITNESS REFUSED-ATTEMPT
 */
const [, , state, manifests, witness, refused] = process.argv;
if (!state || !manifests || !witness || !refused)
  throw new Error("usage: crash-driver.ts STATE MANIFESTS WITNESS REFUSED-ATTEMPT");
const definitions: readonly KindDefinition[] = kinds;
const crashAfter = Number(process.env.CRASH_AFTER ?? "0");
let writes = 0;

/**
 * The port with every write counted; the crash comes when the write is done and its answer is not yet read.
 */
function counted(cluster: Cluster): Cluster {
  const writing = new Set<PropertyKey>(["apply", "create", "updateStatus", "setFinalizer", "delete"]);
  return new Proxy(cluster, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      if (!writing.has(name)) return member.bind(target);
      return async (...args: unknown[]) => {
        const answer: unknown = await Reflect.apply(member, target, args);
        writes += 1;
        if (writes === crashAfter) process.kill(process.pid, "SIGKILL");
        return answer;
      };
    },
  });
}

const python = join(state, "..", "python");
const standIn = new URL("./stand-in-kernel.ts", import.meta.url).pathname;
writeFileSync(python, `#!/bin/sh\nexec "${process.execPath}" "${standIn}" "$@"\n`);
chmodSync(python, 0o755);

const logger = createLogger({ level: "error" });
const cluster = await LocalCluster.open({
  stateDirectory: state,
  customResources: definitions.map((kind) => ({
    resource: kind.resource,
    admit: (candidate, old) => admit(kind, candidate, old as TanrenObject | undefined),
  })),
  node: {
    cpus: 8,
    programs: { python },
    env: { WITNESS: witness, STAND_IN_REFUSES: refused, PATH: process.env.PATH ?? "" },
  },
  report: (error) => logger.error({ err: error }, "local cluster"),
});

const wanted = JSON.parse(readFileSync(manifests, "utf8")) as Wanted<TanrenObject>[];
const runs = wanted.filter(({ kind }) => kind !== claims.kind);
for (const object of wanted) {
  const resource: Resource<KubernetesObject> = object.kind === claims.kind ? claims : kindOf(object.kind);
  const { namespace, name } = object.metadata;
  // What the person changed before the crash stays changed.
  if ((await cluster.get(resource, namespace, name)) === undefined) await cluster.apply(resource, object);
}
const operator = await startOperator({
  cluster: counted(cluster),
  kinds: batchKinds,
  logger,
  progressSeconds: 0.2,
});

const deadline = Date.now() + 60_000;
while (!(await allSucceeded())) {
  if (Date.now() > deadline) throw new Error(`not finished in time: ${JSON.stringify(await standing())}`);
  await retryFailed();
  await new Promise((resolve) => setTimeout(resolve, 50));
}
await operator.stop();
await cluster.stop({ pods: "terminate" });
process.stdout.write(`${writes}\n`);
process.exit(0);

function kindOf(name: string) {
  const kind = definitions.find((kind) => kind.resource.kind === name);
  if (!kind) throw new Error(`no kind ${name}`);
  return kind.resource;
}

function read({ kind, metadata }: Wanted<TanrenObject>) {
  return cluster.get(kindOf(kind), metadata.namespace, metadata.name);
}

async function standing() {
  const objects = await Promise.all(runs.map(read));
  return objects.map((object) => findCondition(object?.status?.conditions, "Succeeded"));
}

/** A second failure is one too many: then the driver runs out of time. */
async function retryFailed() {
  for (const run of runs) {
    if (findCondition((await read(run))?.status?.conditions, "Succeeded")?.status !== "False") continue;
    const spec = { ...(run.spec as object), retry: 1 };
    await cluster.apply(kindOf(run.kind), { ...run, spec });
  }
}

async function allSucceeded() {
  return (await standing()).every((condition) => condition?.status === "True");
}
