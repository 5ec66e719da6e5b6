import { z } from "zod";
import { governed } from "./allowed.ts";
import { atomicList, count, objectName } from "./fields.ts";
import { LocalReference, ModelReference, ServingCompute } from "./parts.ts";

export const InferenceDeploymentSpec = z.strictObject({
  model: ModelReference.describe("model that is served; a new artifact of it is rolled out"),
  replicas: count(0, 1000).default(1).describe("pods that serve"),
  port: count(1, 65_535).default(8000).describe("port of the Service"),
  contextLength: count(8, 10_000_000)
    .optional()
    .describe("longest prompt plus answer in tokens; default: the model's own"),
  maxConcurrentRequests: count(1, 4096).default(8).describe("requests decoded at once by a pod"),
  precision: z
    .enum(["float32", "bfloat16"])
    .default("bfloat16")
    .describe("precision of weights and key-value cache"),
  auth: z
    .strictObject({
      secretName: governed("secrets", objectName()).describe(
        "Secret whose values each are an API key; keys rotate without a restart",
      ),
    })
    .optional()
    .describe("who may ask; absent: everyone who reaches the Service"),
  requires: atomicList(LocalReference, 16)
    .default([])
    .describe("Evaluations of this very model artifact that must have passed"),
  compute: ServingCompute.prefault({}).describe("where and with what the pods run"),
});
