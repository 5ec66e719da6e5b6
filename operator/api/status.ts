import { z } from "zod";
import { Artifact } from "./artifact.ts";
import { atomicList, boundedMap, mapList } from "./fields.ts";

/**
 * Status shapes; figures are numbers as strings. Status is written by the operator alone, but much of it is
 * what programs say: the bounds keep it small whatever they are.
 */

const time = () => z.string().max(64).meta({ format: "date-time" });
const figure = () => z.string().max(64).describe("decimal number");
/** A name, or one word. */
const word = () => z.string().max(253);
/** What the scale subresource has room for. */
const replicas = () => z.int().min(0).max(2_147_483_647);
const sentence = () => z.string().max(4096);

export const Condition = z.object({
  type: word().describe("name of the condition"),
  status: z.enum(["True", "False", "Unknown"]).describe("whether it holds"),
  reason: word().describe("why, as one word"),
  message: sentence().describe("why, as a sentence"),
  lastTransitionTime: time().describe("when status changed last"),
  observedGeneration: z.int().optional().describe("generation of the spec this speaks of"),
});

const Metric = z.object({ name: word().describe("name of the figure"), value: figure() });

export const Metrics = mapList(Metric, "name", 64);

export const Plan = z.object({
  steps: z.int().optional().describe("optimizer steps of the main stage"),
  tokens: z.int().optional().describe("training tokens of the main stage"),
  parameters: z.int().optional().describe("parameters of the model"),
  ranks: z.int().describe("processes of the main stage"),
  memoryPerRankBytes: z
    .int()
    .optional()
    .describe("estimate of what a rank needs: weights, gradients, optimizer state, activations"),
  memoryLimitPerRankBytes: z
    .int()
    .optional()
    .describe("what a rank has: GPU memory, or its part of the pod's memory"),
  checkpointBytes: z.int().optional().describe("size of one checkpoint"),
  estimatedSeconds: z.int().optional().describe("rough estimate of the main stage's time"),
});
export type Plan = z.output<typeof Plan>;

export const Progress = z.object({
  stage: word().describe("stage that runs"),
  step: z.int().describe("steps done"),
  total: z.int().describe("steps in all; 0 while unknown"),
  unit: word().describe("what a step is"),
  percent: word().describe("share of all stages' work that is done, e.g. 63%"),
  eta: word().describe("time left in the stage, e.g. 4m10s; empty while unknown"),
  checkpointStep: z.int().optional().describe("step a restart would resume from"),
  metrics: Metrics.describe("newest figures, e.g. loss, lr, tokens_per_second"),
  updateTime: time().describe("when the program spoke last"),
  lastStepTime: time().optional().describe("when the step was last seen to have changed"),
});

export const Attempt = z.object({
  stage: word().describe("stage"),
  number: z.int().describe("1 for the first"),
  jobName: word().describe("Job of the attempt"),
  startTime: time().describe("when its Job was asked for"),
  endTime: time().optional().describe("when it ended"),
  reason: word().optional().describe("how it ended"),
  message: sentence().optional().describe("how it ended, as a sentence"),
  exitCode: z.int().optional().describe("exit code of the pod that decided"),
  resumedFromStep: z.int().optional().describe("checkpoint step it went on from"),
  checkpointsPassedOver: z
    .int()
    .optional()
    .describe("newer checkpoints that it found damaged and did not use"),
  counted: z.boolean().optional().describe("whether it counts towards failurePolicy.maxRestarts"),
  retried: z
    .boolean()
    .optional()
    .describe("whether spec.retry was raised after it: the failure policy counts the attempts since"),
});

export const StageStatus = z.object({
  name: word().describe("name of the stage"),
  state: z.enum(["Pending", "Running", "Succeeded", "Failed", "Suspended"]).describe("where it is"),
  startTime: time().optional().describe("when its first attempt began"),
  completionTime: time().optional().describe("when it ended"),
  metrics: Metrics.optional().describe("final figures of the stage"),
  artifact: Artifact.optional().describe("artifact the stage made"),
});

export const runStatusFields = {
  observedGeneration: z.int().optional().describe("generation of the spec that this status speaks of"),
  conditions: mapList(Condition, "type", 32)
    .optional()
    .describe("Succeeded is the root; Ready, Reconciling and Stalled are for tools that know kstatus"),
  startTime: time().optional().describe("when the first stage began"),
  completionTime: time().optional().describe("when the run ended"),
  plan: Plan.optional().describe("what the run will take"),
  progress: Progress.optional().describe("how far the running stage is"),
  // CEL rules look through them, and what that costs is reckoned from the bound.
  stages: mapList(StageStatus, "name", 16).optional().describe("stages in order"),
  attempts: atomicList(Attempt, 64).optional().describe("newest attempts, oldest first"),
  observedRetry: z.int().optional().describe("spec.retry that has been acted on"),
  retryTime: time()
    .optional()
    .describe("when the run was retried last; activeDeadlineSeconds count from then"),
  storage: z
    .object({
      claimName: word().describe("claim the run writes to"),
      directory: sentence().describe(
        "directory of the run below the claim's root, as spec.storage.adopt of another names it",
      ),
    })
    .optional()
    .describe("where the run writes"),
  restarts: z
    .int()
    .optional()
    .describe("restarts that counted towards failurePolicy.maxRestarts, since the last retry"),
  disruptions: z
    .int()
    .optional()
    .describe("attempts lost to the infrastructure, which do not count towards maxRestarts"),
  disruptionsInARow: z
    .int()
    .optional()
    .describe("the newest of them without a new checkpoint in between, towards failurePolicy.maxDisruptions"),
  artifact: Artifact.optional().describe("the result"),
};

const FunnelRow = z.object({
  step: word().describe("step of the funnel"),
  language: word().describe("language"),
  documentsIn: z.int().describe("documents that came in"),
  documentsOut: z.int().describe("documents that stayed"),
  bytesIn: z.int().describe("bytes of text that came in"),
  bytesOut: z.int().describe("bytes of text that stayed"),
  dropped: boundedMap(word(), z.int(), 64).describe("documents dropped, by reason"),
});

export const CorpusStatus = z.object({
  ...runStatusFields,
  funnel: atomicList(FunnelRow, 256)
    .optional()
    .describe(
      "documents and bytes in and out, step by step; while cleaning runs, of what its first pod has done so far",
    ),
});

export const PretrainRunStatus = z.object(runStatusFields);

const PositionLoss = z.object({
  label: word().describe("base, or a method"),
  from: z.int().describe("first token position"),
  to: z.int().describe("position after the last"),
  loss: figure().describe("mean loss in nats"),
});

export const ContextExtensionStatus = z.object({
  ...runStatusFields,
  positionLosses: atomicList(PositionLoss, 256)
    .optional()
    .describe("loss by token position on the same held-out documents, before and after"),
});

export const AlignmentRunStatus = z.object(runStatusFields);

const Score = z.object({
  suite: word().describe("name of the suite"),
  metric: word().describe("name of the metric"),
  value: figure(),
  low: figure().describe("95 % confidence interval, lower end"),
  high: figure().describe("95 % confidence interval, upper end"),
  count: z.int().describe("items scored"),
});

export const EvaluationStatus = z.object({
  ...runStatusFields,
  scores: atomicList(Score, 256).optional().describe("scores of the suites"),
  passed: z.boolean().optional().describe("whether every threshold is met; absent where there is none"),
  modelDigest: word().optional().describe("digest of the model artifact the scores speak of"),
});

export const InferenceDeploymentStatus = z.object({
  observedGeneration: runStatusFields.observedGeneration,
  conditions: runStatusFields.conditions.describe(
    "Ready, the root: requests are answered; ServingPrevious: by what was asked for before; Reconciling and Stalled are for tools that know kstatus",
  ),
  plan: Plan.optional().describe("what a replica takes"),
  url: z.string().max(2048).optional().describe("base URL of the OpenAI-compatible endpoint"),
  replicas: replicas().optional().describe("pods that exist"),
  readyReplicas: replicas().optional().describe("pods that are ready with the wanted artifact"),
  selector: z.string().max(1024).optional().describe("label selector of the pods, for the scale subresource"),
  served: Artifact.optional().describe("artifact that every ready replica serves"),
  rollingOut: Artifact.optional().describe("artifact that is being rolled out"),
});
