import { z } from "zod";

/** The operator's own configuration: one JSON file, which the chart writes from its values. The chart's values schema comes from here. */

const name = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
  .max(253);

/** What every pod of a kernel gets beside what its spec says. */
export const PodDefaults = z.strictObject({
  image: z.string().min(1).default("tanren-kernels:0.1.0").describe("Image of the kernels where a spec names none."),
  imagePullSecrets: z
    .array(z.strictObject({ name }))
    .default([])
    .describe("Secrets in the namespace of each run with which images are pulled, unless the spec names its own."),
  queueName: name
    .optional()
    .describe(
      "Kueue LocalQueue of Jobs whose spec names none: they are created suspended with its label, and Kueue starts them.",
    ),
  extraVolumes: z
    .array(z.looseObject({ name }))
    .default([])
    .describe("Volumes (core/v1 Volume) of every kernel's pod, e.g. a claim with certificates or a shared cache."),
  extraVolumeMounts: z
    .array(z.looseObject({ name, mountPath: z.string().startsWith("/") }))
    .default([])
    .describe("Where the extra volumes are mounted (core/v1 VolumeMount)."),
});

const Selector = z.strictObject({
  matchLabels: z.record(z.string(), z.string()).optional(),
  matchExpressions: z.array(z.looseObject({ key: z.string(), operator: z.string() })).optional(),
});

/** A NetworkPolicy for every run and endpoint, in its own namespace; it goes with its owner. */
export const NetworkPolicies = z.strictObject({
  enabled: z.boolean().default(false).describe("Whether every run and endpoint gets a NetworkPolicy of its own."),
  operator: z
    .strictObject({ namespace: name, podLabels: z.record(z.string(), z.string()) })
    .optional()
    .describe("The operator's pods, which alone may ask kernels for their progress on port 9400."),
  clients: z
    .array(
      z.strictObject({
        podSelector: Selector.optional(),
        namespaceSelector: Selector.optional(),
        ipBlock: z.strictObject({ cidr: z.string(), except: z.array(z.string()).optional() }).optional(),
      }),
    )
    .default([])
    .describe(
      "Peers (networking.k8s.io/v1 NetworkPolicyPeer) that may reach endpoints; empty: every pod of every namespace.",
    ),
});

export const LeaderElection = z.strictObject({
  enabled: z.boolean().default(true).describe("Whether replicas elect one that acts, by a Lease."),
  leaseName: name.default("tanren-operator").describe("Name of the Lease, in the operator's own namespace."),
  leaseDurationSeconds: z.int().min(5).max(300).default(15).describe("How long a lease holds that is not renewed."),
  renewDeadlineSeconds: z
    .int()
    .min(3)
    .max(299)
    .default(10)
    .describe("How long a leader tries to renew before it stops acting; shorter than the lease's duration."),
  retryPeriodSeconds: z.int().min(1).max(60).default(2).describe("Time between two tries to take or renew the lease."),
});

export const OperatorConfiguration = z
  .strictObject({
    namespace: name.optional().describe("The one namespace to look after; absent: all of them."),
    leaderElection: LeaderElection.prefault({}),
    pods: PodDefaults.prefault({}),
    networkPolicies: NetworkPolicies.prefault({}),
    workers: z.int().min(1).max(64).default(4).describe("Objects of one kind that are reconciled at once."),
    progressSeconds: z.int().min(1).max(3600).default(10).describe("Seconds between two looks at a running program."),
    logLevel: z.enum(["debug", "info", "warn", "error"]).default("info"),
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
export type PodDefaults = z.output<typeof PodDefaults>;
export type NetworkPolicies = z.output<typeof NetworkPolicies>;
