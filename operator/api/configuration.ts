import { z } from "zod";
import { version } from "../version.ts";
import { Allowed } from "./allowed.ts";
import { bytes } from "./fields.ts";
import {
  extendedResource,
  podAnnotations,
  podEnv,
  podLabels,
  podResourceClaims,
  subdomain,
  TopologySpreadConstraint,
} from "./pod-template.ts";

/**
 * The operator's own configuration: one JSON file, which the chart writes from its values. The chart's values
 * schema comes from here.
 */

const name = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
  .max(253);

/**
 * Objects of one kind that are reconciled at once. Reconciles mostly wait for the API server, which shares
 * its time by what is asked of it at once: as many as this get a burst of new objects going while it lasts.
 * docs/benchmarks.md has figures.
 */
export const defaultWorkers = 48;

/** What every pod of a kernel gets beside what its spec says. */
export const PodDefaults = z.strictObject({
  image: z
    .string()
    .min(1)
    .default(`tanren-kernels:${version}`)
    .describe("Image of the kernels where a spec names none."),
  imagePullSecrets: z
    .array(z.strictObject({ name: name.describe("Name of the Secret.") }))
    .default([])
    .describe(
      "Secrets in the namespace of each run with which images are pulled, unless the spec names its own.",
    ),
  queueName: name
    .optional()
    .describe(
      "Kueue LocalQueue of Jobs whose spec names none: they are created suspended with its label, and Kueue starts them.",
    ),
  extraVolumes: z
    .array(z.looseObject({ name: name.describe("Name of the volume, for extraVolumeMounts.") }))
    .default([])
    .describe(
      "Volumes (core/v1 Volume) of every kernel's pod, e.g. a claim with certificates or a shared cache.",
    ),
  extraVolumeMounts: z
    .array(
      z.looseObject({
        name: name.describe("Name of an extra volume."),
        mountPath: z.string().startsWith("/").describe("Absolute path in the container."),
      }),
    )
    .default([])
    .describe("Where the extra volumes are mounted (core/v1 VolumeMount)."),
  labels: podLabels()
    .default({})
    .describe("Labels of every pod, e.g. of a cost centre; they go before those of a spec."),
  annotations: podAnnotations()
    .default({})
    .describe("Annotations of every pod, e.g. karpenter.sh/do-not-disrupt; they go before those of a spec."),
  env: podEnv()
    .default([])
    .describe("Environment of every pod (names and values, no secrets); it goes before that of a spec."),
  runtimeClassName: subdomain()
    .optional()
    .describe("RuntimeClass of every pod; absent: what its spec says, or the node's own."),
  schedulerName: subdomain()
    .optional()
    .describe("Scheduler of every pod; absent: what its spec says, or the cluster's own."),
  topologySpreadConstraints: z
    .array(TopologySpreadConstraint)
    .max(16)
    .default([])
    .describe(
      "How the pods of one stage or endpoint are spread; each goes before one of a spec with the same topologyKey and whenUnsatisfiable.",
    ),
  ephemeralStorage: bytes()
    .optional()
    .describe("ephemeral-storage, request and limit, of pods whose spec states none."),
  acceleratorResourceName: extendedResource()
    .or(z.literal(""))
    .default("nvidia.com/gpu")
    .describe("Extended resource by which pods ask for GPUs; empty: they get them by resourceClaims alone."),
  resourceClaims: podResourceClaims()
    .default([])
    .describe(
      "Claims (dynamic resource allocation) of every pod with GPUs, from ResourceClaimTemplates in the namespace of each run; they go before those of a spec.",
    ),
});

const Selector = z.strictObject({
  matchLabels: z
    .record(z.string(), z.string())
    .optional()
    .describe("Labels that all must be there, with these values."),
  matchExpressions: z
    .array(
      z.looseObject({
        key: z.string().describe("Name of a label."),
        operator: z.string().describe("In or NotIn, which compare with `values`, Exists or DoesNotExist."),
      }),
    )
    .optional()
    .describe("Conditions on labels that all must hold (meta/v1 LabelSelectorRequirement)."),
});

const Peer = z.strictObject({
  podSelector: Selector.optional().describe("Pods with these labels."),
  namespaceSelector: Selector.optional().describe("Namespaces with these labels; absent: the own one."),
  ipBlock: z
    .strictObject({
      cidr: z.string().describe("Range of addresses, e.g. 10.0.0.0/8."),
      except: z.array(z.string()).optional().describe("Ranges within it that stay out."),
    })
    .optional()
    .describe("Addresses outside of the cluster."),
});

const Port = z.strictObject({
  port: z.union([z.int().min(1).max(65_535), z.string().min(1)]).describe("Number or name of the port."),
  endPort: z.int().min(1).max(65_535).optional().describe("Last port of a range that starts at `port`."),
  protocol: z.enum(["TCP", "UDP", "SCTP"]).default("TCP").describe("Protocol of the port."),
});

/** A NetworkPolicy for every run and endpoint, in its own namespace; it goes with its owner. */
export const NetworkPolicies = z.strictObject({
  enabled: z
    .boolean()
    .default(false)
    .describe("Whether every run and endpoint gets a NetworkPolicy of its own."),
  operator: z
    .strictObject({
      namespace: name.describe("Namespace of the operator."),
      podLabels: z.record(z.string(), z.string()).describe("Labels that the operator's pods have."),
    })
    .optional()
    .describe("The operator's pods, which alone may ask kernels for their progress."),
  clients: z
    .array(Peer)
    .default([])
    .describe(
      "Peers (networking.k8s.io/v1 NetworkPolicyPeer) that may reach endpoints; empty: every pod of every namespace.",
    ),
  egress: z
    .array(
      z.strictObject({
        to: z.array(Peer).optional().describe("Peers; absent: every address."),
        ports: z.array(Port).optional().describe("Ports; absent: all of them."),
      }),
    )
    .default([])
    .describe(
      "What pods of runs and endpoints may reach beside each other and DNS (networking.k8s.io/v1 NetworkPolicyEgressRule); the collector of traces needs no rule.",
    ),
});

/** OpenTelemetry. Programs send a span for each of their parts: a run is one trace, whose id is its UID. */
export const Tracing = z.strictObject({
  endpoint: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe(
      "Collector that spans of reconciles and programs are sent to by OTLP over HTTP, e.g. http://collector.observability:4318; absent: none are made.",
    ),
  samplingRatio: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe("Share of reconciles that are traced; programs always are."),
});

export const LeaderElection = z.strictObject({
  enabled: z.boolean().default(true).describe("Whether replicas elect one that acts, by a Lease."),
  leaseName: name.default("tanren-operator").describe("Name of the Lease, in the operator's own namespace."),
  leaseDurationSeconds: z
    .int()
    .min(5)
    .max(300)
    .default(15)
    .describe("How long a lease holds that is not renewed."),
  renewDeadlineSeconds: z
    .int()
    .min(3)
    .max(299)
    .default(10)
    .describe("How long a leader tries to renew before it stops acting; shorter than the lease's duration."),
  retryPeriodSeconds: z
    .int()
    .min(1)
    .max(60)
    .default(2)
    .describe("Time between two tries to take or renew the lease."),
});

export const OperatorConfiguration = z
  .strictObject({
    namespace: name.optional().describe("The one namespace to look after; absent: all of them."),
    leaderElection: LeaderElection.prefault({}).describe("How replicas agree on the one that acts."),
    pods: PodDefaults.prefault({}).describe("What every pod of a kernel gets beside what its spec says."),
    allow: Allowed.prefault({}).describe(
      "What specs may use; what this configuration itself names they need not.",
    ),
    networkPolicies: NetworkPolicies.prefault({}).describe(
      "NetworkPolicies of runs and endpoints; they need a network plugin that enforces them.",
    ),
    tracing: Tracing.prefault({}).describe("OpenTelemetry traces of reconciles and programs."),
    workers: z
      .int()
      .min(1)
      .max(64)
      .default(defaultWorkers)
      .describe("Objects of one kind that are reconciled at once."),
    progressSeconds: z
      .int()
      .min(1)
      .max(3600)
      .default(10)
      .describe("Seconds between two looks at a running program."),
    logLevel: z
      .enum(["debug", "info", "warn", "error"])
      .default("info")
      .describe("Least important log lines that are written."),
    port: z
      .int()
      .min(0)
      .max(65_535)
      .default(8080)
      .describe("Serves /metrics, /healthz and /readyz on all addresses; 0 takes any free port."),
  })
  .refine(
    ({ leaderElection: { leaseDurationSeconds, renewDeadlineSeconds, retryPeriodSeconds } }) =>
      leaseDurationSeconds > renewDeadlineSeconds && renewDeadlineSeconds > retryPeriodSeconds,
    "leaderElection: leaseDurationSeconds must be more than renewDeadlineSeconds, and that more than retryPeriodSeconds",
  );

export type OperatorConfiguration = z.output<typeof OperatorConfiguration>;
export type Tracing = z.output<typeof Tracing>;
export type PodDefaults = z.output<typeof PodDefaults>;
export type NetworkPolicies = z.output<typeof NetworkPolicies>;
