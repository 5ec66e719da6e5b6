import { kernelExitCodes, programExitCodes, type Reason, reasonOfKernel } from "../api/reasons.ts";
import { isTrue } from "../cluster/conditions.ts";
import type { Job, Pod, TerminatedState } from "../cluster/objects.ts";
import { plainText } from "../cluster/plain-text.ts";
import { kernelStatus, readResult } from "../engine/kernel-pod.ts";
import type { Attempt, KernelResult, RunSpec, Stage } from "../kinds/batch-kind.ts";
import { completionIndex, stageResult } from "./progress.ts";
import { type Waiting, waitingFor } from "./waiting.ts";

/** How an attempt at a stage ended, from its Job and pods, and what follows by the failure policy. */

export type JobStatus =
  | { state: "active"; waiting?: Waiting }
  | { state: "succeeded"; result: KernelResult }
  | { state: "failed"; failure: Failure };

/**
 * What kind of ending it was: the failure policy goes by this. In order: the first that any pod had decides
 * for the attempt.
 */
export const failureClasses = [
  "invalid",
  "numerics",
  "outOfMemory",
  "lost",
  "program",
  "infrastructure",
  "terminated",
  "unplaced",
] as const;
export type FailureClass = (typeof failureClasses)[number];

export interface Failure {
  class: FailureClass;
  reason: Reason;
  message: string;
  exitCode?: number;
  resumedFromStep?: number;
  /** Where the documents went, if the program says so as it ends. */
  funnel?: KernelResult["funnel"];
}

export function jobStatus(
  job: Job,
  pods: readonly Pod[],
  stage: Pick<Stage, "coupling" | "pods">,
  { now, complaint }: { now: Date; complaint?: string },
): JobStatus {
  const own = pods.filter((pod) => pod.metadata.ownerReferences?.some(({ uid }) => uid === job.metadata.uid));
  if (isEndUnread(job, own, now)) {
    const message = `Job ${job.metadata.name} has ended, and its pods have not been seen to yet`;
    return { state: "active", waiting: { reason: "WaitingForPods", message } };
  }
  if (isTrue(job.status?.conditions, "Complete")) return completedJob(job, own, stage);
  if (isTrue(job.status?.conditions, "Failed") && !hasLivePods(job, own))
    return { state: "failed", failure: deciding(job, own) };
  return { state: "active", waiting: waitingFor(job, own, complaint) };
}

/** A watch that lags behind another by so much is ill in other ways. */
export const seenWithinSeconds = 10;

/**
 * Whether the Job's end is known and that of its pods may follow: they are told of by different watches, and
 * only the pods say why. Pods that are still missing after a while were deleted.
 */
function isEndUnread(job: Job, pods: readonly Pod[], now: Date): boolean {
  const ended = job.status?.conditions?.find(({ type, status }) => isEnd.has(type) && status === "True");
  if (ended === undefined || pods.some((pod) => !isLive(pod))) return false;
  return now.getTime() - Date.parse(ended.lastTransitionTime) < seenWithinSeconds * 1000;
}

const isEnd = new Set(["Complete", "Failed"]);

/** Whether a pod may still be writing. Nobody else may start before they have all ended. */
export const isLive = (pod: Pod): boolean =>
  pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed";

function hasLivePods(job: Job, pods: readonly Pod[]): boolean {
  return (job.status?.active ?? 0) > 0 || (job.status?.terminating ?? 0) > 0 || pods.some(isLive);
}

function completedJob(job: Job, pods: readonly Pod[], stage: Pick<Stage, "coupling" | "pods">): JobStatus {
  const succeeded = pods.filter((pod) => pod.status?.phase === "Succeeded");
  const leaders = Array.from({ length: stage.coupling === "gang" ? 1 : stage.pods }, (_, index) =>
    succeeded.find((pod) => completionIndex(pod) === index),
  );
  if (leaders.includes(undefined)) return { state: "failed", failure: resultsGone(job) };
  const [first, ...others] = leaders.flatMap((pod) => (pod && readResult(termination(pod)?.message)) ?? []);
  if (first === undefined || others.length + 1 < leaders.length)
    return { state: "failed", failure: resultsUnreadable(job) };
  return { state: "succeeded", result: stageResult([first, ...others], stage.coupling) };
}

/** What was done is on disk: another attempt finds it there and says the result again. */
const resultsGone = (job: Job): Failure => ({
  class: "lost",
  reason: "PodLost",
  message: `Job ${job.metadata.name} completed, but its pods were deleted before their results were read`,
});

const resultsUnreadable = (job: Job): Failure => ({
  class: "program",
  reason: "ProgramFailed",
  message: `Job ${job.metadata.name} completed without a result that can be read; is the image one of Tanren's kernels?`,
});

function deciding(job: Job, pods: readonly Pod[]): Failure {
  const failures = pods
    .filter((pod) => pod.status?.phase === "Failed")
    .toSorted((a, b) => Date.parse(endOf(a)) - Date.parse(endOf(b)))
    .map(podFailure);
  for (const name of failureClasses) {
    const found = failures.find((failure) => failure.class === name);
    if (found !== undefined) return found;
  }
  const said = job.status?.conditions?.find((condition) => condition.type === "Failed");
  return {
    class: "lost",
    reason: "PodLost",
    message: `Job ${job.metadata.name} failed and no pod of it is left to say why${said ? ` (${plainText(`${said.reason}: ${said.message}`, longestWord)})` : ""}`,
  };
}

function podFailure(pod: Pod): Failure {
  const ended = termination(pod);
  const name = pod.metadata.name;
  const result = readResult(ended?.message);
  const said = {
    exitCode: ended?.exitCode,
    resumedFromStep: result?.resumed_from_step,
    funnel: result?.funnel,
  };
  if (ended?.reason === "OOMKilled") {
    return {
      class: "outOfMemory",
      reason: "OutOfMemory",
      message: `pod ${name} was killed at its memory limit`,
      ...said,
    };
  }
  // What a program found wrong is wrong on any node, whether or not this one was being drained; and one that
  // saved its state in time was not lost.
  const { invalid, numerics, terminated } = programExitCodes;
  const final = [invalid, numerics, terminated].some((code) => code === ended?.exitCode);
  if (ended === undefined || (isDisrupted(pod) && !final)) {
    const why = plainText(
      pod.status?.message ?? pod.status?.reason ?? "its node or the control plane ended it",
      longestWord,
    );
    return { class: "lost", reason: "PodLost", message: `pod ${name} was lost: ${why}`, ...said };
  }
  const { class: endingClass, reason } = endingOf(ended.exitCode);
  // The exit code names the class, and a result that speaks of another ending is not believed.
  const agreed = result !== undefined && kernelExitCodes[result.reason] === ended.exitCode;
  return {
    class: endingClass,
    reason: agreed ? reasonOfKernel[result.reason] : reason,
    message: result?.message ?? `pod ${name}: ${describeExit(ended)}`,
    ...said,
  };
}

/** What an exit code stands for when the program gives no reason of its own. */
const endings = new Map<number, { class: FailureClass; reason: Reason }>([
  [programExitCodes.invalid, { class: "invalid", reason: "InvalidConfig" }],
  [programExitCodes.numerics, { class: "numerics", reason: "NumericsDiverged" }],
  [programExitCodes.infrastructure, { class: "infrastructure", reason: "PeerLost" }],
  [programExitCodes.terminated, { class: "terminated", reason: "Terminated" }],
]);

const endingOf = (exitCode: number) => endings.get(exitCode) ?? { class: "program", reason: "ProgramFailed" };

/** Of what others say, within a sentence of ours. */
const longestWord = 300;

function describeExit(ended: TerminatedState): string {
  const signal = ended.exitCode > 128 && ended.exitCode < 160 ? `, signal ${ended.exitCode - 128}` : "";
  const word = plainText(ended.message?.trim().split("\n").at(-1) ?? "", longestWord);
  return `the program ended with exit code ${ended.exitCode}${signal}${word ? `: ${word}` : "; its log says why"}`;
}

const isDisrupted = (pod: Pod) =>
  isTrue(pod.status?.conditions, "DisruptionTarget") || pod.status?.reason === "Evicted";

export function termination(pod: Pod): TerminatedState | undefined {
  return kernelStatus(pod)?.state.terminated;
}

const endOf = (pod: Pod) =>
  termination(pod)?.finishedAt ?? pod.metadata.deletionTimestamp ?? pod.metadata.creationTimestamp;

/** What follows a failed attempt. */
export type Consequence =
  | { action: "restart"; counted: boolean }
  | { action: "fail"; reason: Reason; message: string };

export interface History {
  policy: RunSpec["failurePolicy"];
  /** Restarts of the run that counted so far. */
  restarts: number;
  /** Attempts lost in a row so far without a new checkpoint, with this one if it is lost. */
  disruptionsInARow: number;
  /** Earlier attempts at the same stage, oldest first. */
  earlier: readonly Attempt[];
  /** Step the failed attempt went on from; undefined: from the start. */
  resumedFromStep?: number;
}

type Rule = (failure: Failure, history: History) => Consequence;

const fail: Rule = ({ reason, message }) => ({ action: "fail", reason, message });

/** What comes from outside has no budget, but an attempt that never gets anywhere is not worth another. */
const restartUncounted: Rule = ({ reason, message }, { policy, disruptionsInARow }) =>
  disruptionsInARow <= policy.maxDisruptions
    ? { action: "restart", counted: false }
    : {
        action: "fail",
        reason: "RestartsExhausted",
        message: `${disruptionsInARow} attempts in a row were lost without a new checkpoint, more than failurePolicy.maxDisruptions ${policy.maxDisruptions}; the last one by ${reason}: ${message}`,
      };

/** To wait for nodes is no failure, however often it is tried. */
const tryAgain: Rule = () => ({ action: "restart", counted: false });

const restartCounted: Rule = ({ reason, message }, { policy, restarts }) =>
  restarts < policy.maxRestarts
    ? { action: "restart", counted: true }
    : {
        action: "fail",
        reason: "RestartsExhausted",
        message: `all ${policy.maxRestarts} restarts of failurePolicy.maxRestarts are used up; the last failure was ${reason}: ${message}`,
      };

/** Killed for memory twice without a checkpoint in between: a third time would end the same. */
const outOfMemory: Rule = (failure, history) => {
  const last = history.earlier.at(-1);
  if (last?.reason !== "OutOfMemory" || last.resumedFromStep !== history.resumedFromStep)
    return restartCounted(failure, history);
  const mend = "raise spec.compute.resources.memory or lower the micro batch";
  return {
    action: "fail",
    reason: "OutOfMemory",
    message: `${failure.message}, as the attempt before it was at the same step; ${mend}`,
  };
};

const rules: Record<FailureClass, Rule> = {
  invalid: fail,
  numerics: (failure, history) =>
    (history.policy.onDivergence === "Fail" ? fail : restartCounted)(failure, history),
  outOfMemory,
  lost: restartUncounted,
  program: restartCounted,
  infrastructure: restartUncounted,
  terminated: restartUncounted,
  unplaced: tryAgain,
};

/** Whether failures of the kind cost nothing of the restart budget. */
export const isUncounted = (failure: Failure): boolean =>
  [restartUncounted, tryAgain].includes(rules[failure.class]);

/** Whether they tell of an attempt that got nowhere: so many in a row end the run. */
export const isLoss = (failure: Failure): boolean => rules[failure.class] === restartUncounted;

export function consequenceOf(failure: Failure, history: History): Consequence {
  return rules[failure.class](failure, history);
}

const firstBackoffSeconds = 5;
const longestBackoffSeconds = 300;
/** An attempt that ran this long was well: what ended it is a new trouble. */
const healthySeconds = 600;

/** Whether an attempt got on: it saved a state that the next one resumes from, or ran for long. */
export function gotOn({ startTime, endTime, resumedFromStep = 0 }: Attempt, checkpointStep = 0): boolean {
  const ran = endTime === undefined ? 0 : Date.parse(endTime) - Date.parse(startTime);
  return checkpointStep > resumedFromStep || ran >= healthySeconds * 1000;
}

/**
 * Seconds between the end of the last attempt at a stage and the next: 5 s doubling to 5 min while attempts
 * keep failing early.
 */
export function backoffSeconds(attempts: readonly Attempt[]): number {
  const lastHealthy = attempts.findLastIndex(
    ({ startTime, endTime }) =>
      endTime !== undefined && Date.parse(endTime) - Date.parse(startTime) >= healthySeconds * 1000,
  );
  const early = attempts.length - 1 - lastHealthy;
  return Math.min(firstBackoffSeconds * 2 ** Math.max(0, early - 1), longestBackoffSeconds);
}
