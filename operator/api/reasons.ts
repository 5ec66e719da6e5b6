/**
 * The one table of reasons. Conditions, Events, the command's exit code, the API reference and the endings of
 * kernel programs read it; a new reason is a new line.
 */

/**
 * Where an object stands that gives the reason in its root condition:
 * - waiting: it proceeds by itself once what it waits for is there (`waitsFor`)
 * - running: the operator and its pods are at it
 * - suspended: a person has stopped it, and can resume it
 * - blocked: it proceeds once a person has changed something
 * - failed: it has ended without what was asked for
 * - done: what was asked for is there
 */
export type Phase = "waiting" | "running" | "suspended" | "blocked" | "failed" | "done";

interface ReasonEntry {
  phase: Phase;
  /**
   * Who moves what waits: the operator within seconds, the cluster, another object of the namespace, or
   * whoever sets the cluster's quotas and policies.
   */
  waitsFor?: "operator" | "cluster" | "object" | "administrator";
  /** Type of the Event. */
  event: "Normal" | "Warning";
  /** How a kernel program ends for this reason: its own word and its exit code. */
  program?: Record<string, number>;
  about: string;
}

/** Exit codes of every kernel program: they name the kind of ending. */
export const programExitCodes = {
  done: 0,
  /** A defect of the program: retried within the failure policy's budget. */
  failed: 1,
  /** Configuration or data are wrong: never retried. */
  invalid: 64,
  /** Retried without cost. */
  infrastructure: 75,
  /** The numbers went bad: the failure policy decides. */
  numerics: 86,
  /** Asked to stop, and saved. */
  terminated: 143,
} as const;

const { done, failed, invalid, infrastructure, numerics, terminated } = programExitCodes;

// A line each, however long: this is a table.
// biome-ignore format: a table
export const reasons = {
  Pending: { phase: "waiting", waitsFor: "operator", event: "Normal", about: "the object was seen and is about to be worked on" },
  InputNotReady: { phase: "waiting", waitsFor: "object", event: "Normal", about: "a referenced object exists and has no artifact yet" },
  InputNotFound: { phase: "waiting", waitsFor: "object", event: "Warning", about: "a referenced object or claim does not exist" },
  EvaluationNotPassed: { phase: "waiting", waitsFor: "object", event: "Warning", about: "a required Evaluation has not passed for the artifact that is to be served" },
  WaitingForPods: { phase: "waiting", waitsFor: "cluster", event: "Normal", about: "pods are waiting for a node, an image or a volume" },
  FailedCreate: { phase: "waiting", waitsFor: "administrator", event: "Warning", about: "the cluster refuses to create what the object needs: a quota, a policy, a webhook, a missing ServiceAccount" },
  SurgeUnschedulable: { phase: "waiting", waitsFor: "administrator", event: "Warning", about: "no node has room for the pod that a rollout brings up beside those that serve" },
  ReconcileFailed: { phase: "waiting", waitsFor: "operator", event: "Warning", about: "the operator has failed at the object for a while and tries again" },
  Queued: { phase: "waiting", waitsFor: "cluster", event: "Normal", about: "Kueue has not admitted the Job yet" },
  JobSuspended: { phase: "waiting", waitsFor: "administrator", event: "Normal", about: "somebody else than the run has suspended its Job" },
  NoProgress: { phase: "waiting", waitsFor: "cluster", event: "Warning", about: "the program runs and has made no step for long" },
  NodeLost: { phase: "waiting", waitsFor: "cluster", event: "Warning", about: "a node with a pod of the run does not answer" },
  Deleting: { phase: "waiting", waitsFor: "object", event: "Normal", about: "the object is being deleted and others still read its artifact" },

  Running: { phase: "running", event: "Normal", about: "pods are running" },
  StageStarted: { phase: "running", event: "Normal", about: "a stage's first pods were created" },
  StageRestarted: { phase: "running", event: "Warning", about: "a stage failed and resumes from its last checkpoint" },
  CheckpointPassedOver: { phase: "running", event: "Warning", about: "the newest checkpoints are damaged, and a stage resumed from one before them" },
  StageCompleted: { phase: "running", event: "Normal", program: { Completed: done }, about: "a stage completed" },
  Retried: { phase: "running", event: "Normal", about: "spec.retry was raised: the failed run begins again at the stage that failed, from its newest checkpoint" },
  RetryIgnored: { phase: "running", event: "Normal", about: "spec.retry was raised on a run that has not failed: nothing is done" },
  Resumed: { phase: "running", event: "Normal", about: "spec.suspend was set back to false" },
  Scaling: { phase: "running", event: "Normal", about: "replicas start or go until there are spec.replicas; all have the wanted artifact" },
  RollingOut: { phase: "running", event: "Normal", about: "replicas are being brought to the wanted artifact" },

  Suspended: { phase: "suspended", event: "Normal", about: "spec.suspend is true; the run resumes when it is false" },

  InvalidSpec: { phase: "blocked", event: "Warning", about: "the spec cannot be run as it is" },
  NotAllowed: { phase: "blocked", event: "Warning", about: "the spec asks for something that the platform does not let it use" },
  CyclicReference: { phase: "blocked", event: "Warning", about: "the references lead back to the object itself" },
  InsufficientMemory: { phase: "blocked", event: "Warning", about: "the plan needs more memory than the pods have" },
  InputFailed: { phase: "blocked", event: "Warning", about: "a referenced object failed and will have no artifact" },
  NameTaken: { phase: "blocked", event: "Warning", about: "an object that the operator must create exists already and belongs to somebody else" },
  TokenizerMismatch: { phase: "blocked", event: "Warning", program: { TokenizerMismatch: invalid }, about: "model and corpus, or model and parent, have different tokenizers" },
  PortInUse: { phase: "blocked", event: "Warning", program: { PortInUse: infrastructure }, about: "a port is taken by another process" },
  DiskFull: { phase: "blocked", event: "Warning", program: { DiskFull: infrastructure }, about: "the disk is full" },
  RolloutFailed: { phase: "blocked", event: "Warning", about: "replicas did not become ready in time; the old ones keep serving" },

  InvalidConfig: { phase: "failed", event: "Warning", program: { InvalidConfig: invalid }, about: "a program refused its configuration" },
  InvalidData: { phase: "failed", event: "Warning", program: { InvalidData: invalid }, about: "a program refused its data" },
  ArtifactDamaged: { phase: "failed", event: "Warning", program: { ArtifactDamaged: invalid }, about: "a file of an artifact is missing or differs from its manifest" },
  CheckpointsDamaged: { phase: "failed", event: "Warning", program: { CheckpointsDamaged: invalid }, about: "a run has checkpoints and none of them is as it was written" },
  NoDocumentsLeft: { phase: "failed", event: "Warning", program: { NoDocumentsLeft: invalid }, about: "cleaning left no document" },
  RatiosNotMet: { phase: "failed", event: "Warning", program: { RatiosNotMet: invalid }, about: "the documents do not suffice for the mixture's ratios and tokens" },
  NoLongDocuments: { phase: "failed", event: "Warning", program: { NoLongDocuments: invalid }, about: "the corpus has no document as long as the context" },
  ModelTooLarge: { phase: "failed", event: "Warning", program: { ModelTooLarge: invalid }, about: "the model does not fit the memory limit" },
  NoPreferencePairs: { phase: "failed", event: "Warning", program: { NoPreferencePairs: invalid }, about: "judging left no pair" },
  NumericsDiverged: { phase: "failed", event: "Warning", program: { NumericsDiverged: numerics }, about: "loss or gradients were no longer finite" },
  OutOfMemory: { phase: "failed", event: "Warning", about: "a pod was killed at its memory limit" },
  ProgramFailed: { phase: "failed", event: "Warning", program: { InternalError: failed }, about: "a program ended with an error that has no reason of its own" },
  DeadlineExceeded: { phase: "failed", event: "Warning", about: "activeDeadlineSeconds have passed" },
  RestartsExhausted: { phase: "failed", event: "Warning", about: "failurePolicy.maxRestarts or maxDisruptions were used up" },
  ThresholdsNotMet: { phase: "failed", event: "Warning", about: "a score is below its threshold" },

  // Of attempts that the operator repeats without cost: no run ends for them.
  PeerLost: { phase: "running", event: "Warning", program: { PeerLost: infrastructure }, about: "a process of the same run was lost" },
  ProgramHung: { phase: "running", event: "Warning", about: "a program made no step for failurePolicy.progressDeadlineSeconds and was ended" },
  JobDeleted: { phase: "running", event: "Warning", about: "somebody deleted the Job of a stage that runs" },
  GangNotPlaced: { phase: "running", event: "Warning", about: "only some pods of a gang found a node, and they made room for an older gang that lacked nodes as well" },
  PodLost: { phase: "running", event: "Warning", about: "a pod was evicted, preempted or lost its node" },
  Terminated: { phase: "running", event: "Normal", program: { Terminated: terminated }, about: "a program was asked to stop and has saved its state" },

  Completed: { phase: "done", event: "Normal", about: "all stages completed and the artifact exists" },
  ThresholdsMet: { phase: "done", event: "Normal", about: "every score reaches its threshold" },
  NoThresholds: { phase: "done", event: "Normal", about: "the Evaluation has scores and no thresholds to hold them against, so that it opens no gate" },
  Available: { phase: "done", event: "Normal", about: "all replicas are ready with the wanted artifact" },
  ScaledToZero: { phase: "done", event: "Normal", about: "spec.replicas is 0" },
} as const satisfies Record<string, ReasonEntry>;

export type Reason = keyof typeof reasons;

export const isReason = (word: string | undefined): word is Reason =>
  word !== undefined && Object.hasOwn(reasons, word);

export const reasonEntry = (reason: Reason): ReasonEntry => reasons[reason];

/** Whether the operator has given up on an object of this phase until a person acts. */
export const isStalled = (phase: Phase): boolean => phase === "blocked" || phase === "failed";

/** Whether nothing moves an object of this phase but a person. */
export const needsPerson = (phase: Phase): boolean => phase === "suspended" || isStalled(phase);

type ProgramColumn = Extract<(typeof reasons)[Reason], { program: unknown }>["program"];

/** The word a kernel program gives for its ending. */
export type KernelReason = ProgramColumn extends infer P
  ? P extends unknown
    ? keyof P & string
    : never
  : never;

const endings = Object.keys(reasons)
  .filter(isReason)
  .flatMap((reason) =>
    Object.entries(reasonEntry(reason).program ?? {}).map(([word, exitCode]) => ({ word, exitCode, reason })),
  );

const byWord = <T>(value: (ending: (typeof endings)[number]) => T) =>
  Object.fromEntries(endings.map((ending) => [ending.word, value(ending)])) as Record<KernelReason, T>;

/** Exit code of each word. Anything else a process may die of has no result. */
export const kernelExitCodes = byWord(({ exitCode }) => exitCode);

/** Reason of status for each word. */
export const reasonOfKernel = byWord(({ reason }) => reason);

export const kernelReasons = endings.map(({ word }) => word) as [KernelReason, ...KernelReason[]];
