import { z } from "zod";
import { Affinity } from "./affinity.ts";
import { governed } from "./allowed.ts";
import {
  atomicList,
  boundedMap,
  bytes,
  claimPath,
  count,
  cpus,
  decimal,
  exactlyOneOf,
  mapList,
  objectName,
  text,
  withRules,
} from "./fields.ts";
import { languagePattern, mostLanguageCharacters } from "./languages.ts";
import {
  governedPodEnv,
  governedPodResourceClaims,
  podAnnotations,
  podLabels,
  subdomain,
} from "./pod-template.ts";
import { acceleratorNames } from "./presets.ts";
import type { SpecChanges } from "./spec-changes.ts";

/** Parts that several kinds share. */

export const LocalReference = z.strictObject({
  name: objectName().describe("name of an object in the same namespace"),
});

export const ClaimPath = z.strictObject({
  claimName: governed("claims", objectName()).describe("PersistentVolumeClaim in the same namespace"),
  path: claimPath().default(".").describe("path below the claim's root"),
});

export const ModelReference = withRules(
  z.strictObject({
    pretrainRun: LocalReference.optional().describe("base model made by a PretrainRun"),
    contextExtension: LocalReference.optional().describe("model made by a ContextExtension"),
    alignmentRun: LocalReference.optional().describe("model made by an AlignmentRun"),
    directory: ClaimPath.optional().describe(
      "imported model: a directory in Hugging Face layout (LLaMA, safetensors) on a claim",
    ),
  }),
  exactlyOneOf("pretrainRun", "contextExtension", "alignmentRun", "directory"),
).describe("a model artifact; exactly one of the fields");

const Toleration = z.strictObject({
  key: governed("taints", text().optional(), "").describe("taint key; absent tolerates every key"),
  operator: z.enum(["Exists", "Equal"]).default("Equal").describe("how key and value are compared"),
  value: z.string().max(256).optional().describe("taint value"),
  effect: z
    .enum(["NoSchedule", "PreferNoSchedule", "NoExecute"])
    .optional()
    .describe("effect to tolerate; absent: all"),
  tolerationSeconds: count(0, 31_536_000).optional().describe("how long a NoExecute taint is tolerated"),
});

const PullSecret = z.strictObject({
  name: governed("imagePullSecrets", objectName()).describe("name of a Secret in the same namespace"),
});

const PodCompute = z.strictObject({
  gpusPerNode: count(0, 16)
    .default(0)
    .describe(
      "GPUs of each pod, as nvidia.com/gpu or what the operator's configuration names; 0 trains on the CPU",
    ),
  accelerator: z
    .enum(acceleratorNames)
    .optional()
    .describe(
      "type of GPU: lets the plan check memory and estimate time, and becomes a node selector on nvidia.com/gpu.product",
    ),
  resources: z
    .strictObject({
      cpu: cpus().default("1").describe("CPUs of each pod, request and limit; kernels use as many threads"),
      memory: bytes().default("2Gi").describe("memory of each pod, request and limit"),
      ephemeralStorage: bytes()
        .optional()
        .describe(
          "ephemeral-storage of each pod, request and limit: /tmp and logs; default: the operator's own setting",
        ),
    })
    .prefault({})
    .describe("CPU, memory and scratch space of each pod"),
  resourceClaims: governedPodResourceClaims()
    .optional()
    .describe("devices that pods with GPUs claim by dynamic resource allocation"),
  nodeSelector: governed("nodeLabels", boundedMap(z.string().max(317), z.string().max(63), 64))
    .optional()
    .describe("labels a node must have"),
  tolerations: atomicList(Toleration, 32).optional().describe("taints the pods tolerate"),
  affinity: Affinity.optional().describe("core/v1 Affinity of the pods, passed on as it is"),
  priorityClassName: governed("priorityClasses", objectName())
    .optional()
    .describe("PriorityClass of the pods"),
  image: governed("images", text(512))
    .optional()
    .describe("image of the kernels; default: the operator's own setting"),
  imagePullSecrets: atomicList(PullSecret, 16).optional().describe("Secrets to pull the image with"),
  serviceAccountName: governed("serviceAccounts", objectName())
    .optional()
    .describe("ServiceAccount of the pods; they get no API token in any case"),
  runtimeClassName: governed("runtimeClasses", subdomain()).optional().describe("RuntimeClass of the pods"),
  schedulerName: governed("schedulers", subdomain())
    .optional()
    .describe("scheduler of the pods; default: the cluster's default-scheduler"),
  labels: governed("podLabels", podLabels()).optional().describe("labels of the pods, beside the operator's"),
  annotations: governed("podAnnotations", podAnnotations())
    .optional()
    .describe("annotations of the pods, e.g. cluster-autoscaler.kubernetes.io/safe-to-evict"),
  env: governedPodEnv().optional().describe("environment of the pods, beside the operator's"),
});

const gpuRules = [
  {
    rule: "!has(self.accelerator) || self.gpusPerNode > 0",
    message: "accelerator needs gpusPerNode of at least 1",
    fieldPath: ".accelerator",
  },
  {
    rule: "!has(self.resourceClaims) || self.gpusPerNode > 0",
    message: "resourceClaims need gpusPerNode of at least 1",
    fieldPath: ".resourceClaims",
  },
];

/** Compute of a serving pod. */
export const ServingCompute = withRules(PodCompute, ...gpuRules);

/** Compute of a batch run. */
export const Compute = withRules(
  PodCompute.extend({
    nodes: count(1, 4096)
      .default(1)
      .describe("number of pods of the main stage; each takes a node's share of the work"),
    queueName: objectName()
      .optional()
      .describe("Kueue LocalQueue: becomes the label kueue.x-k8s.io/queue-name on the Jobs"),
    workloadPriorityClassName: objectName()
      .optional()
      .describe(
        "Kueue WorkloadPriorityClass, the rank among the Jobs of the queue: becomes the label kueue.x-k8s.io/priority-class",
      ),
  }),
  ...gpuRules,
);

export const Storage = withRules(
  z.strictObject({
    claimName: governed("claims", objectName())
      .optional()
      .describe("existing claim to write to; runs that share one keep to directories of their own"),
    size: bytes().optional().describe("size of a claim made for this run and deleted with it"),
    storageClassName: objectName().optional().describe("storage class of the claim made"),
    adopt: text(128)
      .regex(/^[a-z]+\/[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
      .optional()
      .describe(
        "directory on the claim that a deleted run of the same kind left, as its status.storage.directory named it; the run continues from what lies there",
      ),
    accessMode: z
      .enum(["ReadWriteOnce", "ReadWriteMany"])
      .optional()
      .describe(
        "access mode of the claim made, by default ReadWriteMany; runs over several nodes need ReadWriteMany",
      ),
  }),
  exactlyOneOf("claimName", "size"),
  {
    rule: "!has(self.claimName) || (!has(self.storageClassName) && !has(self.accessMode))",
    message: "storageClassName and accessMode belong to a claim that is made, not to claimName",
  },
  {
    rule: "!has(self.adopt) || has(self.claimName)",
    message: "adopt needs claimName: a claim made for the run is empty",
    fieldPath: ".adopt",
  },
);

export const FailurePolicy = z.strictObject({
  maxRestarts: count(0, 1000)
    .default(3)
    .describe(
      "restarts after failures of the program; infrastructure failures (exit 75, eviction, preemption) do not count",
    ),
  maxDisruptions: count(0, 1000)
    .default(20)
    .describe(
      "attempts in a row that may be lost to the infrastructure without a new checkpoint before the run fails",
    ),
  progressDeadlineSeconds: count(60, 31_536_000)
    .optional()
    .describe(
      "an attempt that makes no step for this long is ended and restarted, within maxRestarts; absent: it is said, and waited for",
    ),
  nodeLostSeconds: count(0, 31_536_000)
    .optional()
    .describe(
      "a pod whose node has not answered for this long is given up, and the attempt restarted elsewhere; absent: the run waits for the node",
    ),
  onDivergence: z
    .enum(["Fail", "Restart"])
    .default("Fail")
    .describe(
      "what follows when loss or gradients are no longer finite: fail, or restart from the last checkpoint within maxRestarts",
    ),
});

export const Checkpoints = z.strictObject({
  everySteps: count(1, 1_000_000).default(100).describe("steps between checkpoints"),
  keepLast: count(1, 1000).default(2).describe("newest checkpoints kept"),
  keepEvery: count(1, 1_000_000_000)
    .optional()
    .describe("checkpoints at multiples of this step are kept for good"),
});

/** Fields that every batch kind has. */
export const runFields = {
  suspend: z
    .boolean()
    .default(false)
    .describe("stops the run's pods after a checkpoint; false again resumes from there"),
  retry: count(0, 1_000_000)
    .default(0)
    .describe(
      "raised, it begins a failed run again: at the stage that failed, from its newest checkpoint, with a new restart budget and deadline; a run that has not failed is left alone",
    ),
  compute: Compute.prefault({}).describe("where and with what the pods run"),
  storage: Storage.prefault({ size: "10Gi" }).describe("where the run writes"),
  failurePolicy: FailurePolicy.prefault({}).describe("what follows a failure"),
  activeDeadlineSeconds: count(1, 315_360_000)
    .optional()
    .describe("the run fails when it has not ended this long after its start"),
  ttlSecondsAfterFinished: count(0, 315_360_000)
    .optional()
    .describe("Jobs and ConfigMaps of a finished run are deleted after this; status and artifact stay"),
};

/** What of `runFields` may change once the run has started. */
export const runChanges = {
  suspend: "always",
  retry: "always",
  failurePolicy: "always",
  activeDeadlineSeconds: "always",
  ttlSecondsAfterFinished: "always",
  compute: "stopped",
} as const satisfies SpecChanges;

/** What of the fields of trainings may change once the run has started; `training` is where they stand. */
export const trainingChanges = (...trainings: string[]): SpecChanges => ({
  ...Object.fromEntries(
    trainings.flatMap((training) => [
      [`${training}.microBatchSize`, "stopped"],
      [`${training}.activationCheckpointing`, "stopped"],
      [`${training}.evaluateEverySteps`, "stopped"],
    ]),
  ),
  parallelism: "stopped",
  checkpoints: "stopped",
});

const optimizerFields = {
  learningRate: decimal().describe("peak learning rate of AdamW"),
  minLearningRate: decimal().default("0").describe("learning rate at the end of the cosine schedule"),
  warmupSteps: count(0, 1_000_000).default(0).describe("steps of linear warm-up before the cosine"),
  weightDecay: decimal().default("0.1").describe("decoupled weight decay of matrices; vectors have none"),
  beta1: decimal().default("0.9").describe("AdamW beta1"),
  beta2: decimal().default("0.95").describe("AdamW beta2"),
  epsilon: decimal().default("1e-8").describe("AdamW epsilon"),
  maxGradNorm: decimal().default("1").describe("gradients are clipped to this global norm"),
  precision: z
    .enum(["float32", "bfloat16"])
    .default("bfloat16")
    .describe("bfloat16 computes in bfloat16 with float32 master weights; float32 computes in float32"),
  microBatchSize: count(1, 4096).default(1).describe("sequences per forward pass of one GPU or process"),
  activationCheckpointing: z
    .enum(["none", "selective", "full"])
    .default("none")
    .describe(
      "what a block keeps for the backward pass: everything; products of the large matrices and attention; or its input alone, at a third more arithmetic",
    ),
  exportDtype: z
    .enum(["float32", "bfloat16"])
    .default("float32")
    .describe("type of the finished model's weights; checkpoints keep float32"),
  evaluateEverySteps: count(1, 1_000_000)
    .default(100)
    .describe("steps between measurements of the held-out loss"),
  seed: count(0, 2_147_483_647)
    .default(42)
    .describe("seed of initialisation and data order; the same seed gives the same bits"),
};

/** Training over a corpus: as long as a number of tokens. */
export const CorpusTraining = withRules(
  z.strictObject({
    tokens: count(1).describe("training tokens in all"),
    globalBatchTokens: count(1, 1_000_000_000).describe(
      "tokens per optimizer step over all GPUs; a multiple of the sequence length",
    ),
    ...optimizerFields,
  }),
  {
    rule: "self.tokens >= self.globalBatchTokens",
    message: "tokens must be at least globalBatchTokens",
    fieldPath: ".tokens",
  },
);

/** Training over samples: as long as a number of epochs. */
export const SampleTraining = z.strictObject({
  epochs: count(1, 1000).default(1).describe("times every sample is seen"),
  globalBatchSize: count(1, 1_000_000).describe("samples per optimizer step over all GPUs"),
  sequenceLength: count(8, 10_000_000).describe(
    "longest sample in tokens; longer ones are cut or, for DPO, left out and counted",
  ),
  ...optimizerFields,
});

export const Parallelism = z.strictObject({
  replicate: count(1, 65_536)
    .optional()
    .describe("data-parallel copies of the model; default: what the other degrees leave"),
  shard: count(1, 65_536).default(1).describe("GPUs or processes a copy is sharded over (FSDP2)"),
});

/** Of training on a corpus, whose sequences all have one length. */
export const CorpusParallelism = Parallelism.extend({
  context: count(1, 1024)
    .default(1)
    .describe(
      "GPUs or processes a sequence is divided over; twice this must divide the sequence length. They divide the model as well",
    ),
});

export const NamedDatasets = mapList(
  ClaimPath.extend({ name: objectName().describe("name of the data set, for lineage and messages") }),
  "name",
  64,
  1,
);

/** Of texts. */
export const Language = z.string().max(mostLanguageCharacters).regex(languagePattern);
