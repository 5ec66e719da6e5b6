import { z } from "zod";
import { governed } from "./allowed.ts";
import { atomicList, count, countOrPercent, mapList, objectName, withRules } from "./fields.ts";
import { LocalReference, ModelReference, ServingCompute } from "./parts.ts";
import { TopologySpreadConstraint } from "./pod-template.ts";

/** How replicas are replaced: the strategy of the Deployment, in its own words. */
const Strategy = withRules(
  z.strictObject({
    type: z
      .enum(["RollingUpdate", "Recreate"])
      .default("RollingUpdate")
      .describe(
        "RollingUpdate: replicas are replaced few at a time; Recreate: all old ones go before a new one starts, and nobody answers in between",
      ),
    rollingUpdate: z
      .strictObject({
        maxSurge: countOrPercent(999)
          .default(1)
          .describe(
            "pods beyond replicas while a rollout lasts: a number, or a share of replicas, rounded up",
          ),
        maxUnavailable: countOrPercent(100)
          .default(0)
          .describe(
            "replicas that may be missing while a rollout lasts: a number, or a share of replicas, rounded down",
          ),
      })
      .optional()
      .describe(
        "bounds of a RollingUpdate; absent: maxSurge 1 and maxUnavailable 0, which needs room for one more pod",
      ),
  }),
  {
    rule: "!has(self.rollingUpdate) || self.type == 'RollingUpdate'",
    message: "rollingUpdate belongs to type RollingUpdate",
    fieldPath: ".rollingUpdate",
  },
  {
    rule: "!has(self.rollingUpdate) || !string(self.rollingUpdate.maxSurge).matches('^0+%?$') || !string(self.rollingUpdate.maxUnavailable).matches('^0+%?$')",
    message: "maxSurge and maxUnavailable cannot both be 0: no pod could ever be replaced",
    fieldPath: ".rollingUpdate",
  },
);

const PodDisruptionBudgetSpec = z.strictObject({
  enabled: z.boolean().optional().describe("whether there is one; default: when replicas is over 1"),
  maxUnavailable: countOrPercent(100)
    .default(1)
    .describe(
      "replicas that evictions, such as the drain of a node, may take away at once: a number, or a share, rounded up",
    ),
});

const ApiKeyLimits = z.strictObject({
  name: z
    .string()
    .regex(/^[-._a-zA-Z0-9]+$/)
    .max(253)
    .describe("entry of the Secret"),
  maxConcurrentRequests: count(1, 100_000)
    .optional()
    .describe("requests of this key that may wait or be answered in a pod at a time; absent: no limit"),
  priority: z
    .int()
    .min(-1000)
    .max(1000)
    .default(0)
    .describe("of two requests that wait the one with the higher priority goes first"),
});

export const InferenceDeploymentSpec = z.strictObject({
  model: ModelReference.describe("model that is served; a new artifact of it is rolled out"),
  replicas: count(0, 1000).default(1).describe("pods that serve"),
  port: count(1, 65_535).default(8000).describe("port of the Service"),
  contextLength: count(8, 10_000_000)
    .optional()
    .describe("longest prompt plus answer in tokens; default: the model's own"),
  maxConcurrentRequests: count(1, 4096).default(8).describe("requests decoded at once by a pod"),
  maxQueuedRequests: count(0, 100_000)
    .optional()
    .describe(
      "requests that may wait for their turn in a pod; others are refused with Retry-After; default: as many as maxConcurrentRequests",
    ),
  precision: z
    .enum(["float32", "bfloat16"])
    .default("bfloat16")
    .describe("precision of weights and key-value cache"),
  auth: z
    .strictObject({
      secretName: governed("secrets", objectName()).describe(
        "Secret whose values each are an API key; keys rotate without a restart",
      ),
      keys: mapList(ApiKeyLimits, "name", 256)
        .optional()
        .describe(
          "limits of API keys; all keys have fair shares: while requests wait, keys of one priority take turns",
        ),
    })
    .optional()
    .describe("who may ask; absent: everyone who reaches the Service"),
  requires: atomicList(LocalReference, 16)
    .default([])
    .describe("Evaluations of this very model artifact that must have passed"),
  strategy: Strategy.prefault({}).describe(
    "how replicas are replaced by those of another model or rendering",
  ),
  terminationGracePeriodSeconds: count(5, 86_400)
    .optional()
    .describe(
      "how long a pod that is asked to stop may finish its answers; default: as long as an answer of contextLength tokens takes at 20 tokens a second, from 60 to 3600",
    ),
  podDisruptionBudget: PodDisruptionBudgetSpec.prefault({}).describe(
    "how many replicas evictions may take away",
  ),
  topologySpreadConstraints: atomicList(TopologySpreadConstraint, 16)
    .default([{ maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "ScheduleAnyway" }])
    .describe("how replicas are spread; default: over nodes, as far as there is room"),
  compute: ServingCompute.prefault({}).describe("where and with what the pods run"),
});
