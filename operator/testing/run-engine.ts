import { NetworkPolicies, PodDefaults } from "../api/configuration.ts";
import type { Condition, Wanted } from "../cluster/objects.ts";
import type { Cluster } from "../cluster/port.ts";

import { batchConsumer, kindsByName, ParsedSpecs } from "../engine/references.ts";
import { type Run, runResource } from "../kinds/batch-kind.ts";
import type { AskProgress } from "../runs/progress.ts";
import { type RunReconciler, reconcileRun } from "../runs/reconcile.ts";
import { EventRecorder } from "../runtime/events.ts";
import { createLogger } from "../runtime/logger.ts";
import type { Outcome } from "../runtime/outcome.ts";
import { forging, namespace, type World } from "./run-world.ts";

/** The run engine over a World, with runs of the small kind. */

export const forgings = runResource(forging);
export const silent = createLogger({ level: "silent" });

export function engineOn(
  world: World,
  cluster: Cluster = world.cluster,
  askProgress: AskProgress = async () => undefined,
): RunReconciler {
  const specs = new ParsedSpecs();
  return {
    cluster,
    specs,
    clock: world.clock,
    recorder: new EventRecorder({ cluster, clock: world.clock, logger: silent, instance: "test" }),
    kinds: kindsByName([forging]),
    consumers: [batchConsumer(forging, specs)],
    askProgress,
    podDefaults: PodDefaults.parse({ image: "kernels:test" }),
    networkPolicies: NetworkPolicies.parse({}),
    progressSeconds: 10,
  };
}

export function reconcileForging(engine: RunReconciler, name = "blade"): Promise<Outcome> {
  return reconcileRun(forging, engine).reconcile({ namespace, name }, { logger: silent });
}

/** Reconciles until nothing changes any more but by time or by others. */
export async function settle(world: World, engine: RunReconciler, name = "blade"): Promise<Outcome> {
  for (let turn = 0; turn < 20; turn++) {
    const before = world.store.get(forgings, namespace, name);
    const outcome = await reconcileForging(engine, name);
    const after = world.store.get(forgings, namespace, name);
    if (before?.metadata.resourceVersion === after?.metadata.resourceVersion) return outcome;
  }
  throw new Error("the run does not settle");
}

export function aForging(spec: Record<string, unknown> = {}, name = "blade"): Wanted<Run> {
  return {
    apiVersion: forging.definition.resource.apiVersion,
    kind: forging.definition.resource.kind,
    metadata: { name, namespace },
    spec: { storage: { size: "1Gi" }, ...spec },
  };
}

export function readForging(world: World, name = "blade"): Run {
  const run = world.store.get(forgings, namespace, name);
  if (run === undefined) throw new Error(`Forging ${name} is gone`);
  return run;
}

export function conditionOf(run: Run, type = "Succeeded"): Condition | undefined {
  return run.status?.conditions?.find((condition) => condition.type === type);
}
