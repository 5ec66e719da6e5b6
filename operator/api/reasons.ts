import type { KernelReason } from "../contract/result.ts";

/** Every reason that stands in a condition or an Event. `type` is the Event's. */
export const reasons = {
  // Waiting
  Pending: { type: "Normal", about: "the object was seen and is about to be worked on" },
  Suspended: { type: "Normal", about: "spec.suspend is true; the run goes on when it is false" },
  Resumed: { type: "Normal", about: "spec.suspend was set back to false" },
  InputNotReady: { type: "Normal", about: "a referenced object exists and has no artifact yet" },
  InputNotFound: { type: "Warning", about: "a referenced object does not exist" },
  EvaluationNotPassed: {
    type: "Warning",
    about: "a required Evaluation has not passed for the artifact that is to be served",
  },
  WaitingForPods: { type: "Normal", about: "pods are waiting for a node, an image or a volume" },
  // Running
  StageStarted: { type: "Normal", about: "a stage's first pods were asked for" },
  StageRestarted: { type: "Warning", about: "a stage failed and goes on from its last checkpoint" },
  StageCompleted: { type: "Normal", about: "a stage ended well" },
  Running: { type: "Normal", about: "pods are at work" },
  // Good endings
  Completed: { type: "Normal", about: "all stages ended well and the artifact exists" },
  ThresholdsMet: { type: "Normal", about: "every score reaches its threshold" },
  ThresholdsNotMet: { type: "Warning", about: "a score is below its threshold" },
  // Bad endings known before anything runs
  InvalidSpec: { type: "Warning", about: "the spec cannot be run as it is" },
  CyclicReference: { type: "Warning", about: "the references lead back to the object itself" },
  TokenizerMismatch: { type: "Warning", about: "model and corpus, or model and parent, have different tokenizers" },
  InsufficientMemory: { type: "Warning", about: "the plan needs more memory than the pods have" },
  InputFailed: { type: "Warning", about: "a referenced object failed and will have no artifact" },
  // Bad endings of programs
  InvalidConfig: { type: "Warning", about: "a program refused its configuration" },
  InvalidData: { type: "Warning", about: "a program refused its data" },
  ArtifactDamaged: { type: "Warning", about: "a file of an artifact is missing or differs from its manifest" },
  NoDocumentsLeft: { type: "Warning", about: "cleaning left no document" },
  RatiosNotMet: { type: "Warning", about: "the documents do not suffice for the mixture's ratios and tokens" },
  NoLongDocuments: { type: "Warning", about: "the corpus has no document as long as the context" },
  ModelTooLarge: { type: "Warning", about: "the model does not fit the memory limit" },
  NoPreferencePairs: { type: "Warning", about: "judging left no pair" },
  NumericsDiverged: { type: "Warning", about: "loss or gradients were no longer finite" },
  OutOfMemory: { type: "Warning", about: "a pod was killed at its memory limit" },
  ProgramFailed: { type: "Warning", about: "a program ended with an error that has no reason of its own" },
  DeadlineExceeded: { type: "Warning", about: "activeDeadlineSeconds have passed" },
  RestartsExhausted: { type: "Warning", about: "failurePolicy.maxRestarts were used up" },
  // Infrastructure: retried without cost
  DiskFull: { type: "Warning", about: "the disk is full" },
  PortInUse: { type: "Warning", about: "a port is taken by another process" },
  PeerLost: { type: "Warning", about: "a process of the same run was lost" },
  PodLost: { type: "Warning", about: "a pod was evicted, preempted or lost its node" },
  Terminated: { type: "Normal", about: "a program was asked to stop and has saved its state" },
  // Serving
  Available: { type: "Normal", about: "all replicas are ready with the wanted artifact" },
  RollingOut: { type: "Normal", about: "replicas are being brought to the wanted artifact" },
  RolloutFailed: { type: "Warning", about: "replicas did not become ready in time; the old ones go on serving" },
  ScaledToZero: { type: "Normal", about: "spec.replicas is 0" },
  Deleting: { type: "Normal", about: "the object is being deleted" },
} as const satisfies Record<string, { type: "Normal" | "Warning"; about: string }>;

export type Reason = keyof typeof reasons;

/** Reason of status for each reason a kernel may end with. */
export const reasonOfKernel: Record<KernelReason, Reason> = {
  Completed: "StageCompleted",
  InvalidConfig: "InvalidConfig",
  InvalidData: "InvalidData",
  ArtifactDamaged: "ArtifactDamaged",
  TokenizerMismatch: "TokenizerMismatch",
  NoDocumentsLeft: "NoDocumentsLeft",
  RatiosNotMet: "RatiosNotMet",
  NoLongDocuments: "NoLongDocuments",
  ModelTooLarge: "ModelTooLarge",
  NoPreferencePairs: "NoPreferencePairs",
  DiskFull: "DiskFull",
  PortInUse: "PortInUse",
  PeerLost: "PeerLost",
  NumericsDiverged: "NumericsDiverged",
  Terminated: "Terminated",
  InternalError: "ProgramFailed",
};
