import { formatDuration } from "../clock/duration.ts";
import { findCondition } from "../cluster/conditions.ts";
import type { Pod } from "../cluster/objects.ts";
import { kernelStatus } from "../engine/kernel-pod.ts";
import type { Root } from "../engine/reconcile-result.ts";
import type { RunProgress } from "../kinds/batch-kind.ts";
import type { Failure } from "./attempts.ts";
import { leaderPod } from "./progress.ts";
import type { RunScope } from "./scope.ts";
import { isOnLostNode } from "./waiting.ts";

/** Attempts that neither end nor get on: what is said of them, and when the failure policy ends them. */

/** Without a step for this long a program is said to stand still: the slowest step takes minutes. */
const standstillSeconds = 600;

/** Seconds since the program made a step or was started; undefined where no pod runs that could make one. */
function secondsWithoutStep(
  { jobs, pods, now }: RunScope,
  progress: RunProgress | undefined,
): number | undefined {
  const leader = leaderPod(jobs, pods);
  const started = leader && kernelStatus(leader)?.state.running?.startedAt;
  if (started === undefined) return undefined;
  const stepped = progress?.lastStepTime === undefined ? 0 : Date.parse(progress.lastStepTime);
  return (now.getTime() - Math.max(stepped, Date.parse(started))) / 1000;
}

/** What the root condition says of a program that stands still. */
export function standstill(scope: RunScope, progress: RunProgress | undefined): Root | undefined {
  const seconds = secondsWithoutStep(scope, progress);
  if (seconds === undefined || seconds < standstillSeconds) return undefined;
  const minutes = formatDuration(Math.floor(seconds / 60) * 60);
  const mend = "see its log; failurePolicy.progressDeadlineSeconds restarts what hangs";
  const { stage = "", step = 0, unit = "step" } = progress ?? {};
  return {
    reason: "NoProgress",
    message: `stage ${stage} has stood at ${unit} ${step} for ${minutes}: ${mend}`,
  };
}

/** How an attempt has failed that neither ends nor gets on for longer than the failure policy bears. */
export function overdueFailure(scope: RunScope, progress: RunProgress | undefined): Failure | undefined {
  const { progressDeadlineSeconds, nodeLostSeconds } = scope.spec.failurePolicy;
  const lost = scope.pods.find((pod) => secondsLost(pod, scope.now) >= (nodeLostSeconds ?? Infinity));
  if (lost !== undefined) {
    const { metadata, spec } = lost;
    const message = `node ${spec.nodeName} of pod ${metadata.name} did not answer for failurePolicy.nodeLostSeconds ${nodeLostSeconds}`;
    return { class: "lost", reason: "PodLost", message };
  }
  const still = secondsWithoutStep(scope, progress) ?? 0;
  if (still < (progressDeadlineSeconds ?? Infinity)) return undefined;
  const message = `the program made no step for failurePolicy.progressDeadlineSeconds ${progressDeadlineSeconds}`;
  return { class: "program", reason: "ProgramHung", message };
}

function secondsLost(pod: Pod, now: Date): number {
  const since = findCondition(pod.status?.conditions, "Ready")?.lastTransitionTime;
  return isOnLostNode(pod) && since !== undefined ? (now.getTime() - Date.parse(since)) / 1000 : 0;
}
