import { defaultWorkers, NetworkPolicies, PodDefaults } from "./api/configuration.ts";
import { inferenceDeployment, type TanrenObject } from "./api/kinds.ts";
import { type Clock, systemClock } from "./clock/clock.ts";
import type { KubernetesObject } from "./cluster/objects.ts";
import type { Cluster, WatchEvent } from "./cluster/port.ts";
import type { Resource } from "./cluster/resource.ts";
import { batchConsumer, type Consumer, held } from "./engine/in-use.ts";
import { labels, ownerOf } from "./engine/names.ts";
import { kindsByName } from "./engine/references.ts";
import type { BatchKind } from "./kinds/batch-kind.ts";
import { type AskProgress, httpGetProgress, paced } from "./runs/progress.ts";
import { type RunEngine, reconcileRun } from "./runs/reconcile.ts";
import { childKindsOfRuns } from "./runs/scope.ts";
import { Controller, type Reconciler, type Runtime } from "./runtime/controller.ts";
import { Dependents } from "./runtime/dependents.ts";
import { EventRecorder } from "./runtime/events.ts";
import { createLogger, type Logger } from "./runtime/logger.ts";
import { Metrics } from "./runtime/metrics.ts";
import { reconcileServing } from "./serving/reconcile.ts";
import { childKindsOfServing, servingConsumer } from "./serving/scope.ts";

export interface OperatorOptions {
  cluster: Cluster;
  kinds: readonly BatchKind[];
  /** The one namespace to look after; absent: all. */
  namespace?: string;
  /** What every kernel's pod gets beside its spec; absent: the configuration's defaults. */
  podDefaults?: PodDefaults;
  /** Whether runs and endpoints get a NetworkPolicy, and whom it lets in; absent: none. */
  networkPolicies?: NetworkPolicies;
  /** Asks a running program how far it is. */
  askProgress?: AskProgress;
  /** Seconds between two looks at a running program. */
  progressSeconds?: number;
  clock?: Clock;
  /** From 0 to 1, for jitter. */
  random?: () => number;
  logger?: Logger;
  /** Name of this process in Events. */
  instance?: string;
  /** Objects of a kind reconciled at once; absent: the configuration's default. */
  workers?: number;
  /** Where the controllers count; absent: nobody looks. */
  metrics?: Metrics;
}

export interface Operator {
  /** Starts no new reconcile; resolves when those under way have ended. */
  stop(): Promise<void>;
}

/** Starts the controllers of all kinds; resolves once everything that exists is known and queued. */
export async function startOperator(options: OperatorOptions): Promise<Operator> {
  const {
    cluster,
    kinds,
    clock = systemClock,
    logger = createLogger(),
    podDefaults = PodDefaults.parse({}),
    networkPolicies = NetworkPolicies.parse({}),
    progressSeconds = 10,
    workers = defaultWorkers,
    metrics = new Metrics(),
  } = options;
  const runtime: Runtime = {
    cluster,
    clock,
    random: options.random ?? Math.random,
    logger,
    metrics,
    ...(options.namespace !== undefined && { namespace: options.namespace }),
  };
  const recorder = new EventRecorder({ cluster, clock, logger, instance: options.instance ?? "tanren-operator" });
  const consumers = [...kinds.map(batchConsumer), servingConsumer];
  const engine: RunEngine = {
    cluster,
    clock,
    recorder,
    consumers,
    kinds: kindsByName(kinds),
    askProgress: paced(options.askProgress ?? httpGetProgress, clock, progressSeconds),
    podDefaults,
    networkPolicies,
    progressSeconds,
  };

  const controllers = new Map<string, Controller<TanrenObject>>();
  const wake = wakeByReference(controllers);
  const add = (
    resource: Resource<TanrenObject>,
    consumer: Consumer,
    reconciler: Reconciler,
    children: readonly Resource<KubernetesObject>[],
  ) => {
    const { kind } = resource;
    const controller = new Controller(runtime, {
      resource,
      reconciler,
      children: { resources: children, labels: { [labels.kind]: kind }, ownerOf: (child) => ownerOf(kind, child) },
      onEvent: (event) => wake(consumer, event),
      workers,
    });
    controllers.set(kind, controller);
  };
  for (const kind of kinds)
    add(kind.definition.resource, batchConsumer(kind), reconcileRun(kind, engine), childKindsOfRuns(networkPolicies));
  add(inferenceDeployment.resource, servingConsumer, reconcileServing(engine), childKindsOfServing(networkPolicies));

  await Promise.all(controllers.values().map((controller) => controller.start()));
  logger.info({ kinds: [...controllers.keys()] }, "operator started");
  return {
    async stop() {
      await Promise.all(controllers.values().map((controller) => controller.stop()));
      logger.info("operator stopped");
    },
  };
}

/** A change of an object wakes those that refer to it; one that ceases to refer wakes what may have waited to be let go. */
function wakeByReference(controllers: ReadonlyMap<string, Controller<TanrenObject>>) {
  const dependents = new Dependents();
  return (consumer: Consumer, { type, object }: WatchEvent<TanrenObject>) => {
    const { kind } = object;
    const { namespace, name } = object.metadata;
    const released = dependents.set({ kind, namespace, name }, type === "DELETED" ? [] : held(consumer, object));
    for (const other of [...released, ...dependents.of({ kind, namespace, name })])
      controllers.get(other.kind)?.enqueue(other);
  };
}
