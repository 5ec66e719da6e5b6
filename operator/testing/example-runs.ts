import { Allowed } from "../api/allowed.ts";
import { NetworkPolicies, PodDefaults } from "../api/configuration.ts";
import type { Condition, Wanted } from "../cluster/objects.ts";
import type { Cluster } from "../cluster/port.ts";

import { batchConsumer, kindsByName, ParsedSpecs } from "../engine/references.ts";
import { type Run, runResource } from "../kinds/batch-kind.ts";
import { type RunReconciler, reconcileRun } from "../runs/reconcile.ts";
import { EventRecorder } from "../runtime/events.ts";
import { createLogger } from "../runtime/logger.ts";
import type { Outcome } from "../runtime/outcome.ts";
import { exampleKind, namespace, TestEnv } from "./test-env.ts";

/** The run engine over a TestEnv, with runs of the small kind. */

export const exampleRuns = runResource(exampleKind);
export const silent = createLogger({ level: "silent" });

export function engineOn(
  env: TestEnv,
  cluster: Cluster = env.cluster,
  progressOf: RunReconciler["progressOf"] = () => undefined,
): RunReconciler {
  const specs = new ParsedSpecs();
  return {
    cluster,
    specs,
    clock: env.clock,
    logger: silent,
    recorder: new EventRecorder({ cluster, clock: env.clock, logger: silent, instance: "test" }),
    kinds: kindsByName([exampleKind]),
    consumers: [batchConsumer(exampleKind, specs)],
    progressOf,
    podDefaults: PodDefaults.parse({ image: "kernels:test" }),
    allowed: Allowed.parse({}),
    networkPolicies: NetworkPolicies.parse({}),
    progressSeconds: 10,
  };
}

export function reconcileExample(engine: RunReconciler, name = "demo"): Promise<Outcome> {
  return reconcileRun(exampleKind, engine).reconcile({ namespace, name }, { logger: silent });
}

/** Reconciles until nothing changes any more but by time or by others. */
export async function settle(env: TestEnv, engine: RunReconciler, name = "demo"): Promise<Outcome> {
  for (let turn = 0; turn < 20; turn++) {
    const before = env.store.get(exampleRuns, namespace, name);
    const outcome = await reconcileExample(engine, name);
    const after = env.store.get(exampleRuns, namespace, name);
    if (before?.metadata.resourceVersion === after?.metadata.resourceVersion) return outcome;
  }
  throw new Error("the run does not settle");
}

/** A run as the operator has taken it up. */
export async function startedExample(spec: Record<string, unknown> = {}) {
  const env = new TestEnv();
  const engine = engineOn(env);
  env.store.apply(exampleRuns, anExampleRun(spec));
  await settle(env, engine);
  return { env, engine };
}

export function anExampleRun(spec: Record<string, unknown> = {}, name = "demo"): Wanted<Run> {
  return {
    apiVersion: exampleKind.definition.resource.apiVersion,
    kind: exampleKind.definition.resource.kind,
    metadata: { name, namespace },
    spec: { storage: { size: "1Gi" }, ...spec },
  };
}

export function readExample(env: TestEnv, name = "demo"): Run {
  const run = env.store.get(exampleRuns, namespace, name);
  if (run === undefined) throw new Error(`ExampleRun ${name} is gone`);
  return run;
}

export function conditionOf(run: Run, type = "Succeeded"): Condition | undefined {
  return run.status?.conditions?.find((condition) => condition.type === type);
}
