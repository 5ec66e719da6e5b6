import { z } from "zod";
import { Allowed } from "../../operator/api/allowed.ts";
import {
  LeaderElection,
  NetworkPolicies,
  OperatorConfiguration,
  PodDefaults,
  Tracing,
} from "../../operator/api/configuration.ts";
import { runbook } from "./alerts.ts";

/**
 * The chart's values, from which `make generate` writes values.yaml, values.schema.json and the README's
 * table.
 */

/** A name of an object of Kubernetes, or nothing. */
const nameOrNothing = z.string().regex(/^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$/);
const stringMap = z.record(z.string(), z.string());
/** Objects that are handed to the API server as they are; it knows their fields. */
const anything = z.looseObject({});
const named = z.looseObject({ name: z.string().min(1) });

const image = (repository: string) => ({
  registry: z
    .string()
    .default("")
    .describe(
      "Registry with any path prefix, e.g. registry.example.com/mirror; empty: global.imageRegistry.",
    ),
  repository: z.string().min(1).default(repository).describe("Name of the image in its registry."),
  tag: z.string().default("").describe("Tag; empty: the chart's appVersion."),
  digest: z
    .string()
    .regex(/^(sha256:[0-9a-f]{64})?$/)
    .default("")
    .describe("Digest, e.g. sha256:...; takes the place of the tag."),
});

const ServiceAccount = z.strictObject({
  create: z.boolean().default(true).describe("Whether the chart makes the operator's ServiceAccount."),
  name: nameOrNothing.default("").describe("Name of the ServiceAccount; empty: <release>-operator."),
  annotations: stringMap
    .default({})
    .describe("Annotations of the ServiceAccount, e.g. for a cloud's identities."),
});

const PodDisruptionBudget = z.strictObject({
  enabled: z
    .boolean()
    .default(false)
    .describe("Whether evictions are limited; useful with 2 replicas and more."),
  maxUnavailable: z.int().min(1).default(1).describe("Replicas that an eviction may take away at once."),
});

const Networking = z.strictObject({
  enabled: z
    .boolean()
    .default(false)
    .describe("Whether operator, runs and endpoints are cut off from everything they need not reach."),
  runNamespaces: z
    .array(z.string().min(1))
    .default([])
    .describe("Namespaces beside the release's own in which pods of runs are denied what no policy allows."),
  clients: NetworkPolicies.shape.clients,
  egress: NetworkPolicies.shape.egress,
  scrapers: z
    .array(anything)
    .default([])
    .describe(
      "Peers (NetworkPolicyPeer) that may read metrics; empty: anyone the operator's, nobody those of runs.",
    ),
  apiServer: z
    .strictObject({
      peers: z
        .array(anything)
        .default([])
        .describe("Peers that the API server is among; empty: every address."),
      ports: z
        .array(z.int().min(1).max(65_535))
        .min(1)
        .default([443, 6443])
        .describe("Ports of the API server behind its Service."),
    })
    .prefault({}),
});

const monitor = (what: string) =>
  z.strictObject({
    enabled: z.boolean().default(false).describe(`Whether the Prometheus operator is to scrape ${what}.`),
    labels: stringMap.default({}).describe("Labels by which Prometheus selects the monitor."),
    interval: z
      .string()
      .regex(/^[0-9]+(ms|s|m|h)$/)
      .default("30s")
      .describe("Time between two scrapes."),
  });

const GrafanaDashboards = z.strictObject({
  enabled: z.boolean().default(false).describe("Whether a ConfigMap with the dashboards is made."),
  labels: stringMap
    .default({ grafana_dashboard: "1" })
    .describe("Labels by which Grafana's sidecar selects the ConfigMap."),
});

const Ui = z.strictObject({
  enabled: z
    .boolean()
    .default(false)
    .describe("Whether the page is served, at Service <release>-ui; put an ingress with TLS before it."),
  replicas: z.int().min(1).default(1).describe("Pods of the page."),
  resources: anything
    .default({ requests: { cpu: "10m", memory: "128Mi" }, limits: { memory: "512Mi" } })
    .describe("Resources of the page's pods (core/v1 ResourceRequirements)."),
  clients: z
    .array(anything)
    .default([])
    .describe(
      "Peers (NetworkPolicyPeer) that may open the page where networkPolicies are enabled, such as an ingress controller's pods; empty: anyone.",
    ),
});

const PrometheusRule = z.strictObject({
  enabled: z.boolean().default(false).describe("Whether the Prometheus operator is given the alerts."),
  labels: stringMap.default({}).describe("Labels by which Prometheus selects the rules."),
  runbook: z
    .string()
    .min(1)
    .default(runbook)
    .describe("Where you serve docs/operations.md: alerts link to its sections."),
});

const { workers, progressSeconds, logLevel } = OperatorConfiguration.shape;
const { leaseDurationSeconds, renewDeadlineSeconds, retryPeriodSeconds } = LeaderElection.shape;
const {
  imagePullSecrets,
  extraVolumes,
  extraVolumeMounts,
  labels,
  annotations,
  env,
  topologySpreadConstraints,
  acceleratorResourceName,
  resourceClaims,
} = PodDefaults.shape;

export const Values = z.strictObject({
  // Parents share `global` with all their charts, so keys that mean nothing here are no mistake.
  global: z
    .looseObject({
      imageRegistry: z.string().default("").describe("Registry of all images that name none, e.g. a mirror."),
    })
    .prefault({}),
  mode: z
    .enum(["cluster", "namespaced"])
    .default("cluster")
    .describe(
      "cluster: all namespaces. namespaced: the release's namespace alone, with Roles and no ClusterRole.",
    ),
  crds: z
    .strictObject({
      install: z
        .boolean()
        .default(true)
        .describe(
          "Whether the chart installs and upgrades the CustomResourceDefinitions, which stay on uninstall, and what people may do with them.",
        ),
    })
    .prefault({}),
  image: z
    .strictObject({
      ...image("tanren-operator"),
      pullPolicy: z
        .enum(["Always", "IfNotPresent", "Never"])
        .default("IfNotPresent")
        .describe("When to pull it."),
    })
    .prefault({}),
  imagePullSecrets: z.array(named).default([]).describe("Secrets with which the operator's image is pulled."),
  replicas: z
    .int()
    .min(1)
    .default(1)
    .describe("Operators; one acts, the others take over when its Lease runs out."),
  serviceAccount: ServiceAccount.prefault({}),
  resources: anything
    .default({ requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "512Mi" } })
    .describe("Resources of the operator (core/v1 ResourceRequirements)."),
  nodeSelector: stringMap.default({}).describe("Labels of the nodes that the operator may run on."),
  tolerations: z
    .array(anything)
    .default([])
    .describe("Taints that the operator tolerates (core/v1 Toleration)."),
  affinity: anything.default({}).describe("Where the operator's pods go (core/v1 Affinity)."),
  topologySpreadConstraints: z
    .array(anything)
    .default([])
    .describe("How replicas spread over nodes and zones (core/v1 TopologySpreadConstraint)."),
  priorityClassName: nameOrNothing.default("").describe("Priority class of the operator."),
  extraVolumes: z.array(named).default([]).describe("Volumes of the operator's pod (core/v1 Volume)."),
  extraVolumeMounts: z.array(named).default([]).describe("Where they are mounted (core/v1 VolumeMount)."),
  podDisruptionBudget: PodDisruptionBudget.prefault({}),
  logLevel,
  workers,
  progressSeconds,
  leaderElection: z
    .strictObject({ leaseDurationSeconds, renewDeadlineSeconds, retryPeriodSeconds })
    .prefault({}),
  pods: z
    .strictObject({
      image: z.strictObject(image("tanren-kernels")).prefault({}),
      imagePullSecrets,
      queueName: nameOrNothing
        .default("")
        .describe("Kueue LocalQueue, in the namespace of each run, of runs that name none; empty: no queue."),
      extraVolumes,
      extraVolumeMounts,
      labels,
      annotations,
      env,
      runtimeClassName: nameOrNothing
        .default("")
        .describe("RuntimeClass of every pod; empty: what its spec says, or the node's own."),
      schedulerName: nameOrNothing
        .default("")
        .describe("Scheduler of every pod; empty: what its spec says, or the cluster's own."),
      topologySpreadConstraints,
      ephemeralStorage: z
        .string()
        .default("")
        .describe("ephemeral-storage, request and limit, of pods whose spec states none; empty: none."),
      acceleratorResourceName,
      resourceClaims,
    })
    .prefault({}),
  allow: Allowed.extend({
    admissionPolicies: z
      .boolean()
      .default(false)
      .describe(
        "Whether ValidatingAdmissionPolicies refuse at once what the operator would refuse (Kubernetes 1.30 and newer).",
      ),
  }).prefault({}),
  networkPolicies: Networking.prefault({}),
  tracing: z
    .strictObject({
      endpoint: z
        .string()
        .regex(/^(https?:\/\/.+)?$/)
        .default("")
        .describe(
          "OpenTelemetry collector that spans of reconciles and programs are sent to by OTLP over HTTP, e.g. http://collector.observability:4318; empty: none are made.",
        ),
      samplingRatio: Tracing.shape.samplingRatio,
    })
    .prefault({}),
  serviceMonitor: monitor("the operator").prefault({}),
  podMonitor: monitor("the programs of runs and endpoints").prefault({}),
  prometheusRule: PrometheusRule.prefault({}),
  grafanaDashboards: GrafanaDashboards.prefault({}),
  ui: Ui.prefault({}),
});

export type Values = z.output<typeof Values>;

/** Descriptions of the groups, which zod's prefault would hide. */
export const groups: Readonly<Record<string, string>> = {
  global: "Shared with parent charts.",
  crds: "CustomResourceDefinitions.",
  image: "Image of the operator.",
  serviceAccount: "Who the operator is to the API server.",
  podDisruptionBudget: "PodDisruptionBudget of the operator.",
  leaderElection: "Times of the Lease; each must be shorter than the one before it.",
  pods: "What every pod of a kernel gets beside what its run says.",
  "pods.image": "Image of the kernels where a run names none.",
  allow: "What runs and endpoints may use; * stands for any characters. See docs/security.md.",
  networkPolicies: "NetworkPolicies; they need a network plugin that enforces them.",
  "networkPolicies.apiServer": "Where the operator finds the API server.",
  tracing: "OpenTelemetry traces of reconciles and programs.",
  serviceMonitor: "ServiceMonitor (monitoring.coreos.com/v1) of the operator.",
  podMonitor: "PodMonitor (monitoring.coreos.com/v1) of kernels' pods: progress, loss, requests.",
  prometheusRule: "PrometheusRule (monitoring.coreos.com/v1) with the alerts of files/rules.",
  grafanaDashboards: "Dashboards for Grafana.",
  ui: "The page that shows everything in the browser, to everybody by their own Kubernetes token: it has no rights itself.",
};
