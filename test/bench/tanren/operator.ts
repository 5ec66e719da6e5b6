import { randomUUID } from "node:crypto";
import { systemClock as clock } from "../../../operator/clock/clock.ts";
import {
  connectKubernetes,
  LeaderElection,
  leaseStore,
  openConnection,
} from "../../../operator/cluster/kubernetes/index.ts";
import { Controller } from "../../../operator/runtime/controller.ts";
import { serveHealth } from "../../../operator/runtime/health-server.ts";
import { createLogger } from "../../../operator/runtime/logger.ts";
import { Metrics } from "../../../operator/runtime/metrics.ts";
import { managedBy, ownerOf, reconcileTasks, taskLabel } from "./reconcile.ts";
import { jobs, tasks } from "./task.ts";

/** The operator of the comparison on Tanren's runtime and adapter. */

const [namespace = "--help", metricsPort = "0", workers = "4"] = process.argv.slice(2);
if (namespace === "--help") {
  process.stdout.write("Usage: KUBECONFIG=FILE node operator.ts NAMESPACE METRICS_PORT WORKERS\n");
  process.exit(0);
}
const random = Math.random;
const logger = createLogger();
const metrics = new Metrics();
const report = (error: unknown) => logger.warn({ err: error }, "tried again");
const health = await serveHealth(
  metrics,
  { illness: () => undefined, wait: () => undefined },
  Number(metricsPort),
);

const connection = openConnection({});
const election = new LeaderElection({
  store: leaseStore({ connection, namespace, name: "task-operator", clock, timeoutSeconds: 5 }),
  identity: randomUUID(),
  leaseDurationSeconds: 15,
  renewDeadlineSeconds: 10,
  retryPeriodSeconds: 2,
  clock,
  monotonic: () => performance.now(),
  random,
  report,
});
election.start();
await election.elected;

const cluster = connectKubernetes({
  namespace,
  caches: [
    { resource: tasks },
    { resource: jobs, labels: managedBy, impliedBy: [taskLabel], indexedBy: taskLabel },
  ],
  mayWrite: () => election.requireLeadership(),
  report,
});
const controller = new Controller(
  { cluster, clock, random, logger, metrics, namespace },
  {
    resource: tasks,
    children: { resources: [jobs], labels: managedBy, ownerOf },
    reconciler: reconcileTasks(cluster),
    workers: Number(workers),
  },
);
await controller.start();

// As a periodic resync would.
process.on("SIGUSR1", async () => {
  for (const { metadata } of await cluster.list(tasks, { namespace })) controller.enqueue(metadata);
});
const stopping = new Promise<void>((resolve) => process.once("SIGTERM", resolve));
const lost = await Promise.race([stopping, election.lost]);
if (lost) logger.error({ err: lost }, "another may lead");
await controller.stop();
await cluster.stop();
await election.stop();
connection.close();
await health.close();
process.exit(lost ? 1 : 0);
