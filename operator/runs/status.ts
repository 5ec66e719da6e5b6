import { posix } from "node:path";
import type { Artifact, Inputs } from "../api/artifact.ts";
import { isReason, type Reason, reasonEntry } from "../api/reasons.ts";
import { timestamp } from "../clock/clock.ts";
import {
  type ConditionState,
  findCondition,
  isTrue,
  setCondition,
  setRootCondition,
} from "../cluster/conditions.ts";
import type { Condition, ConfigMap, Wanted } from "../cluster/objects.ts";
import { readResult } from "../engine/kernel-pod.ts";
import { childLabels, controllerReference, dnsLabel } from "../engine/names.ts";
import { newEvent, type ReconcileResult, type Root, rootState } from "../engine/reconcile-result.ts";
import type {
  Attempt,
  KernelProgress,
  KernelResult,
  Run,
  RunStatus,
  Stage,
  StageStatus,
} from "../kinds/batch-kind.ts";
import type { NewEvent } from "../runtime/events.ts";
import type { RunStorage } from "./scope.ts";

/**
 * What status says of a run: its stages, attempts and artifacts, each a function from one status to the next.
 */

const attemptsKept = 20;

export const stageStatus = (status: RunStatus, name: string): StageStatus | undefined =>
  status.stages?.find((stage) => stage.name === name);

/** Every stage of the run stands in status, in order; what is known of one stays. */
export function withStages(status: RunStatus, stages: readonly Stage[]): RunStatus {
  return {
    ...status,
    stages: stages.map(({ name }) => stageStatus(status, name) ?? { name, state: "Pending" }),
  };
}

export function withStage(status: RunStatus, name: string, change: Partial<StageStatus>): RunStatus {
  return {
    ...status,
    stages: (status.stages ?? []).map((stage) => (stage.name === name ? { ...stage, ...change } : stage)),
  };
}

/** Sets the attempt in the place of the one with its stage and number, or after all others. */
export function withAttempt(status: RunStatus, attempt: Attempt): RunStatus {
  const same = (other: Attempt) => other.stage === attempt.stage && other.number === attempt.number;
  const attempts = status.attempts ?? [];
  const set = attempts.some(same)
    ? attempts.map((other) => (same(other) ? attempt : other))
    : [...attempts, attempt].slice(-attemptsKept);
  return { ...status, attempts: set };
}

/** Damaged checkpoints that an attempt did not use; 0 is not told. */
export const passedOver = (
  said: Pick<KernelProgress, "checkpoints_passed_over"> | undefined,
  { checkpointsPassedOver }: Attempt,
): number | undefined => said?.checkpoints_passed_over || checkpointsPassedOver;

/** The first stage that has not completed. */
export const openStage = ({ stages }: RunStatus): string | undefined =>
  stages?.find(({ state }) => state !== "Succeeded")?.name;

export const attemptsAt = (status: RunStatus, stage: string): Attempt[] =>
  (status.attempts ?? []).filter((attempt) => attempt.stage === stage);

/** Attempts that the failure policy looks at: those since the run was retried. */
export function attemptsSinceRetry(status: RunStatus, stage: string): Attempt[] {
  const attempts = status.attempts ?? [];
  const last = attempts.findLastIndex(({ retried }) => retried);
  return attempts.slice(last + 1).filter((attempt) => attempt.stage === stage);
}

/** The run has ended badly: no further attempt is made, and none is open any more. */
export function failed(
  status: RunStatus,
  stage: string | undefined,
  now: Date,
  { reason, message }: Root,
): RunStatus {
  const completionTime = timestamp(now);
  const attempts = status.attempts?.map((attempt) =>
    attempt.endTime === undefined ? { ...attempt, endTime: completionTime, reason, message } : attempt,
  );
  const ended = { ...status, attempts, completionTime };
  return stage === undefined ? ended : withStage(ended, stage, { state: "Failed", completionTime });
}

export const hasFailed = ({ completionTime, conditions }: RunStatus): boolean =>
  completionTime !== undefined && !isTrue(conditions, "Succeeded");

/**
 * A failed run as it stands to be continued: nothing of what it did is lost, and its plan, restart budget and
 * deadline begin anew.
 */
export function retried({ completionTime: _, plan: __, ...status }: RunStatus, now: Date): RunStatus {
  const last = status.attempts?.at(-1);
  return {
    ...status,
    retryTime: timestamp(now),
    stages: status.stages?.map(({ completionTime, ...stage }) =>
      stage.state === "Succeeded"
        ? { ...stage, completionTime }
        : { ...stage, state: stage.state === "Failed" ? "Pending" : stage.state },
    ),
    attempts: status.attempts?.map((attempt) => (attempt === last ? { ...attempt, retried: true } : attempt)),
    restarts: 0,
    disruptionsInARow: 0,
  };
}

/**
 * The status of a result, with its conditions: the root's, and `Passed` where the kind says whether it has.
 */
export function concludeStatus(run: Run, { status, root }: ReconcileResult<RunStatus>, now: Date): RunStatus {
  const generation = run.metadata.generation ?? 0;
  const next: RunStatus & { passed?: boolean; scores?: unknown } = {
    ...status,
    observedGeneration: generation,
  };
  // What has ended stays as it is, and that is said of the spec as it is now.
  if (root === undefined)
    return {
      ...next,
      conditions: status.conditions?.map((condition) => ({ ...condition, observedGeneration: generation })),
    };
  const seen = { now, generation };
  const conditions = setRootCondition(status.conditions ?? [], rootState("Succeeded", root), seen);
  if (next.scores === undefined) return { ...next, conditions };
  return { ...next, conditions: setCondition(conditions, { type: "Passed", ...passedState(next) }, seen) };
}

function passedState({ passed }: { passed?: boolean }): Omit<ConditionState, "type"> {
  if (passed === undefined) {
    const message = "spec.thresholds is empty: there is nothing to pass, and no gate opens";
    return { status: "Unknown", reason: "NoThresholds" satisfies Reason, message };
  }
  return passed
    ? { status: "True", reason: "ThresholdsMet" satisfies Reason, message: "every threshold is met" }
    : {
        status: "False",
        reason: "ThresholdsNotMet" satisfies Reason,
        message: "a score is below its threshold",
      };
}

type Parent = Artifact["parents"][number];

/** Artifacts of the stages that have completed. */
export function artifactsOf(status: RunStatus): Map<string, Artifact> {
  return new Map(
    (status.stages ?? []).flatMap(({ name, artifact }) =>
      artifact === undefined ? [] : [[name, artifact] as const],
    ),
  );
}

/**
 * What a program says it made, as status has it: where it lies on its claim and what it came from. Undefined
 * when the result names no artifact, or one outside the run's own directory.
 */
export function artifactOf(
  stage: Stage,
  result: KernelResult,
  storage: RunStorage,
  inputs: Inputs,
  earlier: ReadonlyMap<string, Artifact>,
): Artifact | undefined {
  const made = result.artifact;
  if (made === undefined) return undefined;
  const below = posix.relative("output", posix.normalize(made.path));
  if (below === ".." || below.startsWith("../")) return undefined;
  return {
    type: made.type,
    stage: stage.name,
    claimName: storage.claimName,
    path: posix.join(storage.directory, below),
    digest: made.digest,
    sizeBytes: made.size_bytes,
    parents: [...mountedParents(stage, inputs), ...stageParents(earlier)],
    tokenizerDigest: made.tokenizer_digest,
    vocabularySize: made.vocabulary_size,
    contextLength: made.context_length,
    parameters: made.parameters,
    tokens: made.tokens,
  };
}

/**
 * The run's result is the artifact of its last stage that has one; all of the run's inputs are its parents.
 */
export function runArtifact(
  stages: readonly Stage[],
  made: ReadonlyMap<string, Artifact>,
  inputs: Inputs,
): Artifact | undefined {
  const last = stages.findLast((stage) => stage.artifact);
  const artifact = last && made.get(last.name);
  if (artifact === undefined) return undefined;
  const earlier = new Map([...made].filter(([stage]) => stage !== artifact.stage));
  return { ...artifact, parents: [...inputParents(inputs), ...stageParents(earlier)] };
}

function inputParents(inputs: Inputs): Parent[] {
  return [...inputs.values()].map(({ role, kind, name, artifact }) => ({
    name: role,
    digest: artifact.digest,
    reference: `${kind}/${name}`,
  }));
}

/** Inputs that the stage's pods had before them. */
function mountedParents(stage: Stage, inputs: Inputs): Parent[] {
  const mounted = new Set(stage.mounts.map(({ claimName, path }) => `${claimName}:${path}`));
  return inputParents(
    new Map([...inputs].filter(([, { artifact }]) => mounted.has(`${artifact.claimName}:${artifact.path}`))),
  );
}

const stageParents = (made: ReadonlyMap<string, Artifact>): Parent[] =>
  [...made].map(([stage, { digest }]) => ({ name: stage, digest }));

/**
 * Results of the stages that have completed, in a ConfigMap: a kind's status is made of all of them, and the
 * pods that gave them may be gone before the last stage has ended.
 */
const resultsName = (run: Run) => dnsLabel(`${run.kind.toLowerCase()}-${run.metadata.name}-results`);

export function storedResults(run: Run, configMaps: readonly ConfigMap[]): Map<string, KernelResult> {
  const data = configMaps.find((configMap) => configMap.metadata.name === resultsName(run))?.data ?? {};
  return new Map(
    Object.entries(data).flatMap(([stage, text]) => {
      const result = readResult(text);
      return result === undefined ? [] : [[stage, result] as const];
    }),
  );
}

export function resultsConfigMap(run: Run, results: ReadonlyMap<string, KernelResult>): Wanted<ConfigMap> {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: resultsName(run),
      namespace: run.metadata.namespace,
      labels: childLabels(run),
      ownerReferences: [controllerReference(run)],
    },
    data: Object.fromEntries([...results].map(([stage, result]) => [stage, JSON.stringify(result)])),
  };
}

/** What people are told: a function of the status before and after. */
export function runEvents(before: RunStatus, after: RunStatus): NewEvent[] {
  return [
    ...retryEvents(before, after),
    ...(after.attempts ?? []).flatMap((attempt) => attemptEvents(before, attempt)),
    ...(after.stages ?? []).flatMap((stage) => stageEvents(before, stage)),
    ...["Succeeded", "Passed"].flatMap((type) =>
      conditionEvents(findCondition(before.conditions, type), findCondition(after.conditions, type)),
    ),
  ];
}

function retryEvents(before: RunStatus, after: RunStatus): NewEvent[] {
  const { observedRetry: retry = 0 } = after;
  if (retry <= (before.observedRetry ?? 0)) return [];
  if (before.completionTime !== undefined && after.completionTime === undefined)
    return [newEvent("Retried", `spec.retry is ${retry}: ${retriedMessage(after)}`)];
  // A new object may come with any number.
  if (before.startTime === undefined) return [];
  const why = after.completionTime === undefined ? "has not ended" : "has succeeded";
  return [newEvent("RetryIgnored", `spec.retry is ${retry}: the run ${why}, so there is nothing to retry`)];
}

/** What a retry begins with. */
export function retriedMessage({ stages, progress }: RunStatus): string {
  const stage = openStage({ stages });
  const step = progress?.stage === stage ? progress?.checkpointStep : undefined;
  const from = step === undefined ? "" : ` from the checkpoint of step ${step}`;
  return stage === undefined ? "the run begins again" : `stage ${stage} begins again${from}`;
}

function attemptEvents(before: RunStatus, attempt: Attempt): NewEvent[] {
  const { stage, number, jobName, endTime, reason, message, resumedFromStep, checkpointsPassedOver } =
    attempt;
  const old = before.attempts?.find((other) => other.stage === stage && other.number === number);
  const events: NewEvent[] = [];
  if (old === undefined && number === 1)
    events.push(newEvent("StageStarted", `stage ${stage} started as Job ${jobName}`));
  if (old === undefined && number > 1) {
    const from = resumedFromStep === undefined ? "restarted" : `resumed from step ${resumedFromStep}`;
    events.push(newEvent("StageRestarted", `stage ${stage} ${from} as Job ${jobName}`));
  }
  if (old?.checkpointsPassedOver === undefined && checkpointsPassedOver !== undefined)
    events.push(
      newEvent(
        "CheckpointPassedOver",
        `stage ${stage}, attempt ${number}: the newest ${checkpointsPassedOver} checkpoint(s) are not as they were written; resumed from step ${resumedFromStep}`,
      ),
    );
  if (old?.endTime === undefined && endTime !== undefined && isReason(reason) && reason !== "StageCompleted")
    events.push(newEvent(reason, `stage ${stage}, attempt ${number}: ${message}`));
  return events;
}

function stageEvents(before: RunStatus, { name, state }: StageStatus): NewEvent[] {
  const old = stageStatus(before, name)?.state;
  return state === "Succeeded" && old !== "Succeeded"
    ? [newEvent("StageCompleted", `stage ${name} completed`)]
    : [];
}

function conditionEvents(old: Condition | undefined, now: Condition | undefined): NewEvent[] {
  if (now === undefined || old?.reason === now.reason) return [];
  const events: NewEvent[] = [];
  if (old?.reason === ("Suspended" satisfies Reason) && now.status !== "False")
    events.push(newEvent("Resumed", "spec.suspend is false again"));
  if (isReason(now.reason) && isNews(now.reason)) events.push(newEvent(now.reason, now.message));
  return events;
}

/** What proceeds by itself has Events of its stages and attempts, or is not worth one. */
function isNews(reason: Reason): boolean {
  const { phase, waitsFor, event } = reasonEntry(reason);
  const proceeds = waitsFor === "operator" || waitsFor === "cluster";
  return phase !== "running" && (event === "Warning" || !proceeds);
}
