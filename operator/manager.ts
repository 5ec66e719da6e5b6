import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { collectDefaultMetrics } from "prom-client";
import {
  type NetworkPolicies,
  OperatorConfiguration,
  type PodDefaults,
  type Tracing,
} from "./api/configuration.ts";
import { inferenceDeployment } from "./api/kinds.ts";
import { systemClock } from "./clock/clock.ts";
import { aborted, sleep } from "./clock/sleep.ts";
import {
  type Connection,
  connectKubernetes,
  type KubeConfigSource,
  type KubernetesCluster,
  KubernetesMetrics,
  type KubernetesOptions,
  LeaderElection,
  leaseStore,
  missingKinds,
  openConnection,
  type ReflectorHealth,
} from "./cluster/kubernetes/index.ts";
import type { PodGroup } from "./cluster/objects.ts";
import { podGroups, type Resource } from "./cluster/resource.ts";
import { batchKinds } from "./kinds/index.ts";
import { cachesOf, startOperator } from "./operator.ts";
import { serveHealth } from "./runtime/health-server.ts";
import { createLogger, type Logger } from "./runtime/logger.ts";
import { Metrics } from "./runtime/metrics.ts";
import { version } from "./version.ts";

/**
 * The operator as a process in a cluster: waits to be the leader, then runs the controllers until it is told
 * to stop.
 */

const usage = `Runs the Tanren operator against a Kubernetes API server.

Usage: node operator/manager.ts --config FILE [--kubeconfig FILE] [--context NAME]

  --config FILE      JSON configuration, as the chart writes it; {} is valid
  --kubeconfig FILE  for a process outside the cluster; absent: KUBECONFIG, ~/.kube/config, the pod's service account
  --context NAME     context of the kubeconfig
  --help             prints this

Environment: POD_NAME and POD_NAMESPACE, by the downward API: who this is, and where the leader's Lease lies.

Example: echo '{"namespace": "team-a", "logLevel": "debug"}' > config.json
         node operator/manager.ts --config config.json --kubeconfig ~/.kube/config
`;

/**
 * Garbage is collected when the heap has grown by a fifth, not when it has doubled: after a burst of thousands of
 * objects the process would else keep for good what it needed once.
 */
setFlagsFromString("--heap-growing-percent=20");

/** Probes call the process dead when a watch has not even tried anything for so long. */
const longestStandstillSeconds = 300;
const lookForKindsSeconds = 5;
/** A collector that stays away is said this often. */
const tracesLostMilliseconds = 600_000;
const instance = process.env.POD_NAME ?? hostname();
/** Reconciles under way are waited for so long, less than a pod's usual grace period. */
const longestStopMilliseconds = 20_000;

const kinds = [...batchKinds.map(({ definition }) => definition.resource), inferenceDeployment.resource];

interface Surroundings {
  configuration: OperatorConfiguration;
  source: KubeConfigSource;
  logger: Logger;
  /** Aborts when the process is asked to stop. */
  stopping: AbortSignal;
}

/** What probes and metrics look at. */
interface State {
  /** What is missing before the process can do its part; undefined: nothing. To stand by is a part. */
  waitsFor: string | undefined;
  cluster?: KubernetesCluster;
  election?: LeaderElection;
}

/** The exit code. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      config: { type: "string" },
      kubeconfig: { type: "string" },
      context: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (values.config === undefined)
    throw new Error("--config is missing: name the JSON configuration file, see --help");
  const configuration = readConfiguration(values.config);
  const logger = createLogger({ level: configuration.logLevel });
  process.on("unhandledRejection", (error) => {
    logger.fatal({ err: error }, "a promise was rejected and nobody looked: this is a bug; the process ends");
    process.exit(1);
  });
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  const { kubeconfig: path, context } = values;
  const source = { path, context };
  return operate({ configuration, source, logger, stopping: stop.signal });
}

function readConfiguration(file: string): OperatorConfiguration {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new Error(
      `configuration ${file}: ${(cause as Error).message}; it must be a file of JSON, {} at least`,
      {
        cause,
      },
    );
  }
  const parsed = OperatorConfiguration.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "it"}: ${message}`);
  throw new Error(`configuration ${file}: ${problems.join("; ")}; see docs/reference.md for its fields`);
}

async function operate(surroundings: Surroundings): Promise<number> {
  const { configuration, source, logger, stopping } = surroundings;
  const state: State = { waitsFor: "the API server" };
  const watches = () => state.cluster?.health() ?? [];
  const metrics = new Metrics();
  metrics.build(version);
  collectDefaultMetrics({ register: metrics.registry });
  const isLeader = () => state.election?.isLeader() ?? state.cluster !== undefined;
  const requests = new KubernetesMetrics(metrics.registry, {
    isLeader,
    watches,
    calls: () => state.cluster?.calls(),
  });
  const checks = { illness: () => standstill(watches()), wait: () => state.waitsFor };
  const health = await serveHealth(metrics, checks, configuration.port);
  logger.info({ version, port: health.port }, "serving /metrics, /healthz and /readyz");
  const endTraces = await startTraces(configuration.tracing, logger);
  const connection = openConnection(source);
  try {
    await waitForKinds(surroundings, state, connection);
    if (!stopping.aborted) await stand(surroundings, state, connection);
    if (stopping.aborted) return 0;
    const podGroupResource = await servedPodGroups(connection, logger);
    const answered = requests.answered.bind(requests);
    return await lead(surroundings, state, { metrics, answered, podGroupResource });
  } finally {
    await state.election?.stop();
    connection.close();
    await endTraces?.();
    await health.close();
    logger.info("stopped");
  }
}

/** Sends spans where the configuration names a collector; returns what sends the last of them. */
async function startTraces(
  { endpoint, samplingRatio }: Tracing,
  logger: Logger,
): Promise<(() => Promise<void>) | undefined> {
  if (endpoint === undefined) return undefined;
  const { exportSpans } = await import("./tracing/export.ts");
  let quietUntil = 0;
  const report = (problem: string) => {
    if (performance.now() < quietUntil) return;
    quietUntil = performance.now() + tracesLostMilliseconds;
    logger.warn({ endpoint, problem }, "spans could not be sent and are lost; is the collector there?");
  };
  logger.info({ endpoint, samplingRatio }, "sending traces");
  return exportSpans({ endpoint, samplingRatio, instance, report });
}

/** What programs are told of the collector, in OpenTelemetry's own variables. */
const environmentOf = ({ endpoint }: Tracing): PodDefaults["env"] =>
  endpoint === undefined ? [] : [{ name: "OTEL_EXPORTER_OTLP_ENDPOINT", value: endpoint }];

/** What pods must be let reach for their spans to be sent. */
function portOf({ endpoint }: Tracing): NetworkPolicies["egress"] {
  if (endpoint === undefined) return [];
  const { port, protocol } = new URL(endpoint);
  const standard = protocol === "https:" ? 443 : 80;
  return [{ ports: [{ port: Number(port) || standard, protocol: "TCP" }] }];
}

/** Without the kinds there is nothing to watch. They may be installed after the operator. */
async function waitForKinds(
  { logger, stopping }: Surroundings,
  state: State,
  connection: Connection,
): Promise<void> {
  while (!stopping.aborted) {
    const problem = await problemWithKinds(connection);
    if (problem === undefined) break;
    if (problem !== state.waitsFor) logger.warn(problem);
    state.waitsFor = problem;
    await sleep(systemClock, lookForKindsSeconds * 1000, stopping);
  }
  state.waitsFor = undefined;
}

async function problemWithKinds(connection: Connection): Promise<string | undefined> {
  try {
    const missing = await missingKinds(connection, systemClock, kinds);
    if (missing.length === 0) return undefined;
    const named = missing.map(({ plural, apiVersion: version }) => `${plural}.${version}`).join(", ");
    return `the API server does not serve ${named}; install the CustomResourceDefinitions: kubectl apply --server-side -f crds/`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Which the API server has says nothing of the scheduler: one that knows no gangs passes over them. */
async function servedPodGroups(
  connection: Connection,
  logger: Logger,
): Promise<Resource<PodGroup> | undefined> {
  const missing = await missingKinds(connection, systemClock, podGroups);
  const served = podGroups.find((resource) => !missing.includes(resource));
  if (served) logger.info({ apiVersion: served.apiVersion }, "gangs get a PodGroup of the scheduler");
  return served;
}

/**
 * Returns when this process leads, at once where nobody is elected, or is asked to stop. Who stands by
 * watches nothing.
 */
async function stand(surroundings: Surroundings, state: State, connection: Connection): Promise<void> {
  const { configuration, logger, stopping } = surroundings;
  const { enabled, leaseName, ...times } = configuration.leaderElection;
  if (!enabled) return;
  const identity = `${instance}_${randomUUID()}`;
  const namespace = process.env.POD_NAMESPACE ?? connection.credentials.namespace;
  const store = leaseStore({
    connection,
    namespace,
    name: leaseName,
    clock: systemClock,
    timeoutSeconds: times.renewDeadlineSeconds / 2,
  });
  const election = new LeaderElection({
    ...times,
    store,
    identity,
    clock: systemClock,
    monotonic: () => performance.now(),
    random: Math.random,
    report: (error) =>
      logger.warn({ err: error }, "the leader's lease could not be read or written; tried again"),
  });
  state.election = election;
  logger.info({ identity, lease: `${namespace}/${leaseName}` }, "standing for election");
  election.start();
  await Promise.race([election.elected, aborted(stopping)]);
  if (!stopping.aborted) logger.info({ identity }, "elected leader");
}

interface Leading {
  metrics: Metrics;
  answered: (method: string, code: number) => void;
  podGroupResource: Resource<PodGroup> | undefined;
}

/** Runs the controllers until the process is asked to stop, or leads no more. */
async function lead(
  { configuration, source, logger, stopping }: Surroundings,
  state: State,
  { metrics, answered, podGroupResource }: Leading,
): Promise<number> {
  const {
    namespace,
    workers,
    progressSeconds,
    pods,
    allow: allowed,
    networkPolicies: policies,
    leaderElection,
    tracing,
  } = configuration;
  const { election } = state;
  state.waitsFor = "the first lists of what it watches";
  const restriction = namespace === undefined ? {} : { namespace };
  const cluster = connectKubernetes({
    ...restriction,
    ...(election && fence(election, leaderElection)),
    kubeconfig: source,
    caches: cachesOf(configuration.networkPolicies, podGroupResource),
    answered,
    report: (error) => logger.warn({ err: error }, "a watch failed and is opened again"),
  });
  state.cluster = cluster;
  const ending = Promise.race([aborted(stopping), ...(election ? [election.lost] : [])]);
  const starting = startOperator({
    ...restriction,
    cluster,
    kinds: batchKinds,
    podDefaults: { ...pods, env: [...pods.env, ...environmentOf(tracing)] },
    allowed,
    networkPolicies: { ...policies, egress: [...policies.egress, ...portOf(tracing)] },
    podGroupResource,
    progressSeconds,
    workers,
    logger,
    metrics,
    instance,
  });
  const operator = await Promise.race([starting, ending.then(() => undefined)]);
  if (operator) state.waitsFor = undefined;
  const lost = await ending;
  state.waitsFor = "nothing; it is stopping";
  if (lost) logger.error({ err: lost }, "stopping, for another may lead");
  await Promise.race([operator?.stop(), sleep(systemClock, longestStopMilliseconds)]);
  await cluster.stop();
  return lost ? 1 : 0;
}

/**
 * A write goes out only while the lease is held, and is over, here and on the API server, before another can
 * have taken the lease: the time between the last moment that we hold it and the first that another may.
 */
function fence(
  election: LeaderElection,
  { leaseDurationSeconds, renewDeadlineSeconds }: OperatorConfiguration["leaderElection"],
): Pick<KubernetesOptions, "mayWrite" | "writeTimeoutSeconds"> {
  return {
    mayWrite: () => election.requireLeadership(),
    writeTimeoutSeconds: Math.min(0.9 * (leaseDurationSeconds - renewDeadlineSeconds), 30),
  };
}

function standstill(watches: readonly ReflectorHealth[]): string | undefined {
  const still = watches.find(({ secondsSinceActivity }) => secondsSinceActivity > longestStandstillSeconds);
  return (
    still && `the watch of ${still.plural} has done nothing for ${Math.round(still.secondsSinceActivity)} s`
  );
}

main().then(
  (code) => process.exit(code),
  (error) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  },
);
