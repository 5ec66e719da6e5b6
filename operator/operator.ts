import { Allowed } from "./api/allowed.ts";
import { defaultWorkers, NetworkPolicies, PodDefaults } from "./api/configuration.ts";
import { type Evaluation, inferenceDeployment, type TanrenObject } from "./api/kinds.ts";
import { type Clock, systemClock } from "./clock/clock.ts";
import { findCondition } from "./cluster/conditions.ts";
import type { CacheOptions } from "./cluster/kubernetes/index.ts";
import type { KubernetesObject, PodGroup } from "./cluster/objects.ts";
import type { Cluster, WatchEvent } from "./cluster/port.ts";
import { deployments, type Resource } from "./cluster/resource.ts";
import { labels, managed, ownerOf } from "./engine/names.ts";
import { ObjectMetrics } from "./engine/object-metrics.ts";
import { batchConsumer, type Consumer, heldBy, kindsByName, ParsedSpecs } from "./engine/references.ts";
import type { BatchKind } from "./kinds/batch-kind.ts";
import { batchKinds } from "./kinds/index.ts";
import type { AskProgress } from "./runs/progress.ts";
import { ProgressPoller } from "./runs/progress-poller.ts";
import { httpGetProgress } from "./runs/progress-request.ts";
import { type RunReconciler, reconcileRun } from "./runs/reconcile.ts";
import { childKindsOfRuns } from "./runs/scope.ts";
import { Controller, type Reconciler, type Runtime } from "./runtime/controller.ts";
import { Dependents } from "./runtime/dependents.ts";
import { EventRecorder } from "./runtime/events.ts";
import { createLogger, type Logger } from "./runtime/logger.ts";
import { Metrics } from "./runtime/metrics.ts";
import { WakeFilter } from "./runtime/wake-filter.ts";
import { reconcileServing } from "./serving/reconcile.ts";
import { childKindsOfServing, servingConsumer } from "./serving/scope.ts";

export interface OperatorOptions {
  cluster: Cluster;
  kinds: readonly BatchKind[];
  /** The one namespace to look after; absent: all. */
  namespace?: string;
  /** What every kernel's pod gets beside its spec; absent: the configuration's defaults. */
  podDefaults?: PodDefaults;
  /** What specs may use; absent: the configuration's defaults. */
  allowed?: Allowed;
  /** Whether runs and endpoints get a NetworkPolicy, and whom it lets in; absent: none. */
  networkPolicies?: NetworkPolicies;
  /** Makes gangs the scheduler's; absent: the cluster has no such kind. */
  podGroupResource?: Resource<PodGroup>;
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

/** Children of all kinds; nothing else has its owner's kind or UID in a label. */
const children = {
  labels: managed,
  impliedBy: [labels.kind, labels.uid],
  indexedBy: labels.uid,
};

/** What the controllers read again and again, for the adapter that can keep it in memory. */
export function cachesOf(
  networkPolicies: NetworkPolicies,
  podGroupResource?: Resource<PodGroup>,
): CacheOptions[] {
  const kinds = [...batchKinds.map(({ definition }) => definition.resource), inferenceDeployment.resource];
  const made = new Set([
    ...childKindsOfRuns(networkPolicies, podGroupResource),
    ...childKindsOfServing(networkPolicies),
  ]);
  return [
    ...kinds.map((resource): CacheOptions => ({ resource })),
    ...Array.from(made, (resource): CacheOptions => ({ resource, ...children })),
  ];
}

/** Starts the controllers of all kinds; resolves once everything that exists is known and queued. */
export async function startOperator(options: OperatorOptions): Promise<Operator> {
  const {
    cluster,
    kinds,
    clock = systemClock,
    logger = createLogger(),
    podDefaults = PodDefaults.parse({}),
    allowed = Allowed.parse({}),
    networkPolicies = NetworkPolicies.parse({}),
    podGroupResource,
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
    namespace: options.namespace,
  };
  const recorder = new EventRecorder({
    cluster,
    clock,
    logger,
    instance: options.instance ?? "tanren-operator",
  });
  const controllers = new Map<string, Controller<TanrenObject>>();
  const poller = new ProgressPoller({
    ask: options.askProgress ?? httpGetProgress,
    seconds: progressSeconds,
    clock,
    wake: (run) => controllers.get(run.kind)?.enqueue(run),
  });
  const specs = new ParsedSpecs();
  const batches = kinds.map((kind) => ({ kind, consumer: batchConsumer(kind, specs) }));
  const reader: RunReconciler = {
    cluster,
    namespace: options.namespace,
    clock,
    recorder,
    logger,
    consumers: [...batches.map(({ consumer }) => consumer), servingConsumer],
    kinds: kindsByName(kinds),
    specs,
    progressOf: (run, leader) => poller.look(run, leader),
    podDefaults,
    allowed,
    networkPolicies,
    podGroupResource,
    progressSeconds,
  };

  const objects = new ObjectMetrics(metrics.registry);
  const wake = wakeByReference(controllers, specs);
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
      children: {
        resources: children,
        labels: { [labels.kind]: kind },
        ownerOf: (child) => ownerOf(kind, child),
      },
      onEvent: (event) => {
        objects.observe(event);
        wake(consumer, event);
      },
      workers,
    });
    controllers.set(kind, controller);
  };
  const childrenOfRuns = childKindsOfRuns(networkPolicies, podGroupResource);
  for (const { kind, consumer } of batches)
    add(kind.definition.resource, consumer, reconcileRun(kind, reader), childrenOfRuns);
  add(
    inferenceDeployment.resource,
    servingConsumer,
    reconcileServing(reader),
    childKindsOfServing(networkPolicies),
  );

  const replicas = cluster.watch(
    deployments,
    {
      ...(options.namespace !== undefined && { namespace: options.namespace }),
      labels: { [labels.kind]: inferenceDeployment.resource.kind },
    },
    (event) => objects.observeDeployment(event),
  );
  await Promise.all([replicas.synced, ...controllers.values().map((controller) => controller.start())]);
  logger.info({ kinds: [...controllers.keys()] }, "operator started");
  return {
    async stop() {
      replicas.close();
      await Promise.all(controllers.values().map((controller) => controller.stop()));
      logger.info("operator stopped");
    },
  };
}

/** What those who refer to an object read of it. */
function whatOthersRead({ metadata, status }: TanrenObject) {
  const { generation, deletionTimestamp } = metadata;
  const { artifact, completionTime, passed, modelDigest, conditions }: Evaluation["status"] & object =
    status ?? {};
  const { status: succeeded, reason, message } = findCondition(conditions, "Succeeded") ?? {};
  return [
    generation,
    deletionTimestamp,
    artifact,
    completionTime,
    passed,
    modelDigest,
    succeeded,
    reason,
    message,
  ];
}

/**
 * A change of what others read wakes those that refer to the object; one that ceases to refer wakes what may
 * have waited to be let go.
 */
function wakeByReference(controllers: ReadonlyMap<string, Controller<TanrenObject>>, specs: ParsedSpecs) {
  const dependents = new Dependents();
  const wakes = new WakeFilter(whatOthersRead);
  return (consumer: Consumer, { type, object }: WatchEvent<TanrenObject>) => {
    if (!wakes.passes({ type, object })) return;
    const { kind } = object;
    const { namespace, name } = object.metadata;
    if (type === "DELETED") specs.forget(object.metadata.uid);
    const released = dependents.set(
      { kind, namespace, name },
      type === "DELETED" ? [] : heldBy(consumer, object),
    );
    for (const other of [...released, ...dependents.of({ kind, namespace, name })])
      controllers.get(other.kind)?.enqueue(other);
  };
}
