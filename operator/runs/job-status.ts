import { programExitCodes as exitCodes, kernelExitCodes, type Reason, reasonOfKernel } from "../api/reasons.ts";
import { isTrue } from "../cluster/conditions.ts";
import type { ContainerStatus, Job, Pod, TerminatedState } from "../cluster/objects.ts";
import { containerName } from "../engine/kernel-pod.ts";
import { readResult, stageResult } from "../engine/kernel-result.ts";
import type { KernelResult, Stage } from "../kinds/batch-kind.ts";

/** How an attempt stands, from its Job and the pods of that Job. */
export type Verdict =
  | { state: "active"; waiting?: string }
  | { state: "succeeded"; result: KernelResult }
  | { state: "failed"; failure: Failure };

/** What kind of ending it was: the failure policy goes by this. In order: the first that any pod had decides for the attempt. */
export const failureClasses = [
  "invalid",
  "numerics",
  "outOfMemory",
  "lost",
  "program",
  "infrastructure",
  "terminated",
] as const;
export type FailureClass = (typeof failureClasses)[number];

export interface Failure {
  class: FailureClass;
  reason: Reason;
  message: string;
  exitCode?: number;
  resumedFromStep?: number;
}

export function judge(job: Job, pods: readonly Pod[], stage: Pick<Stage, "coupling" | "pods">): Verdict {
  const own = pods.filter((pod) => pod.metadata.ownerReferences?.some(({ uid }) => uid === job.metadata.uid));
  if (isTrue(job.status?.conditions, "Complete")) return completed(job, own, stage);
  if (isTrue(job.status?.conditions, "Failed") && !hasLivePods(job, own))
    return { state: "failed", failure: deciding(job, own) };
  const waiting = waitingReason(own);
  return { state: "active", ...(waiting !== undefined && { waiting }) };
}

/** Whether a pod may still be writing. Nobody else may start before they have all ended. */
export const isLive = (pod: Pod): boolean => pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed";

function hasLivePods(job: Job, pods: readonly Pod[]): boolean {
  return (job.status?.active ?? 0) > 0 || (job.status?.terminating ?? 0) > 0 || pods.some(isLive);
}

export function completionIndex(pod: Pod): number {
  const index = pod.metadata.annotations?.["batch.kubernetes.io/job-completion-index"];
  return Number(index ?? pod.metadata.labels?.["batch.kubernetes.io/job-completion-index"] ?? 0);
}

function completed(job: Job, pods: readonly Pod[], stage: Pick<Stage, "coupling" | "pods">): Verdict {
  const succeeded = pods.filter((pod) => pod.status?.phase === "Succeeded");
  const speakers = Array.from({ length: stage.coupling === "gang" ? 1 : stage.pods }, (_, index) =>
    succeeded.find((pod) => completionIndex(pod) === index),
  );
  if (speakers.includes(undefined)) return { state: "failed", failure: resultsGone(job) };
  const [first, ...others] = speakers.flatMap((pod) => (pod && readResult(termination(pod)?.message)) ?? []);
  if (first === undefined || others.length + 1 < speakers.length)
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
    message: `Job ${job.metadata.name} failed and no pod of it is left to say why${said ? ` (${said.reason}: ${said.message})` : ""}`,
  };
}

function podFailure(pod: Pod): Failure {
  const ended = termination(pod);
  const name = pod.metadata.name;
  const result = readResult(ended?.message);
  const said = {
    ...(ended !== undefined && { exitCode: ended.exitCode }),
    ...(result?.resumed_from_step !== undefined && { resumedFromStep: result.resumed_from_step }),
  };
  if (ended?.reason === "OOMKilled") {
    return {
      class: "outOfMemory",
      reason: "OutOfMemory",
      message: `pod ${name} was killed at its memory limit`,
      ...said,
    };
  }
  // What a program found wrong is wrong on any node, whether or not this one was being drained; and one that saved its state in
  // time was not lost.
  const { invalid, numerics, terminated } = exitCodes;
  const final = [invalid, numerics, terminated].some((code) => code === ended?.exitCode);
  if (ended === undefined || (isDisrupted(pod) && !final)) {
    const why = pod.status?.message ?? pod.status?.reason ?? "its node or the control plane ended it";
    return { class: "lost", reason: "PodLost", message: `pod ${name} was lost: ${why}`, ...said };
  }
  const reason = result === undefined ? undefined : reasonOfKernel[result.reason];
  const message = result?.message ?? `pod ${name}: ${endingInWords(ended)}`;
  // The exit code names the class, and a result that speaks of another ending is not believed.
  const agreed = result !== undefined && kernelExitCodes[result.reason] === ended.exitCode ? reason : undefined;
  switch (ended.exitCode) {
    case exitCodes.invalid:
      return { class: "invalid", reason: agreed ?? "InvalidConfig", message, ...said };
    case exitCodes.numerics:
      return { class: "numerics", reason: agreed ?? "NumericsDiverged", message, ...said };
    case exitCodes.infrastructure:
      return { class: "infrastructure", reason: agreed ?? "PeerLost", message, ...said };
    case exitCodes.terminated:
      return { class: "terminated", reason: "Terminated", message, ...said };
    default:
      return { class: "program", reason: agreed ?? "ProgramFailed", message, ...said };
  }
}

function endingInWords(ended: TerminatedState): string {
  const signal = ended.exitCode > 128 && ended.exitCode < 160 ? `, signal ${ended.exitCode - 128}` : "";
  const word = ended.message?.trim().split("\n").at(-1)?.slice(0, 300);
  return `the program ended with exit code ${ended.exitCode}${signal}${word ? `: ${word}` : "; its log says why"}`;
}

const isDisrupted = (pod: Pod) =>
  isTrue(pod.status?.conditions, "DisruptionTarget") || pod.status?.reason === "Evicted";

function kernelStatus(pod: Pod): ContainerStatus | undefined {
  return pod.status?.containerStatuses?.find((status) => status.name === containerName);
}

export function termination(pod: Pod): TerminatedState | undefined {
  return kernelStatus(pod)?.state.terminated;
}

const endOf = (pod: Pod) =>
  termination(pod)?.finishedAt ?? pod.metadata.deletionTimestamp ?? pod.metadata.creationTimestamp;

/** Why pods do not run yet, in the scheduler's or the kubelet's words; undefined when they run. */
function waitingReason(pods: readonly Pod[]): string | undefined {
  if (pods.length === 0) return "the Job has no pods yet";
  for (const pod of pods.filter((each) => each.status?.phase === "Pending" || each.status === undefined)) {
    const waiting = kernelStatus(pod)?.state.waiting;
    if (waiting !== undefined)
      return `pod ${pod.metadata.name}: ${[waiting.reason, waiting.message].filter(Boolean).join(": ")}`;
    const scheduled = pod.status?.conditions?.find((condition) => condition.type === "PodScheduled");
    if (scheduled?.status === "False") return `pod ${pod.metadata.name}: ${scheduled.reason}: ${scheduled.message}`;
    return `pod ${pod.metadata.name} is pending`;
  }
  return undefined;
}
