import { type Clock, timestamp } from "../clock/clock.ts";
import { isTrue } from "../cluster/conditions.ts";
import type { Job, Pod } from "../cluster/objects.ts";
import { Progress } from "../contract/index.ts";
import { progressPort } from "../engine/kernel-pod.ts";
import { metricList } from "../engine/kernel-result.ts";
import type { KernelProgress, RunProgress } from "../engine/run.ts";
import { completionIndex } from "./job-status.ts";

/** How far a run is, in the program's words and in people's. */

/** Asks a pod how far it is; undefined when it does not answer, which is no error. */
export type AskProgress = (podIP: string) => Promise<KernelProgress | undefined>;

const patienceMilliseconds = 2000;

export const httpGetProgress: AskProgress = async (podIP) => {
  const host = podIP.includes(":") ? `[${podIP}]` : podIP;
  try {
    const answer = await fetch(`http://${host}:${progressPort}/progress`, {
      signal: AbortSignal.timeout(patienceMilliseconds),
      redirect: "error",
    });
    const parsed = Progress.safeParse(await answer.json());
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
};

/**
 * Asks a pod once in so many seconds and says nothing in between. Every new word changes status, and that change wakes the run: without
 * this a program of fast steps would be asked without pause.
 */
export function paced(ask: AskProgress, clock: Clock, seconds: number): AskProgress {
  const asked = new Map<string, number>();
  // Timers may fire a little early.
  const pause = seconds * 900;
  return async (podIP) => {
    const now = clock.now().getTime();
    for (const [pod, time] of asked) if (now - time >= pause) asked.delete(pod);
    if (asked.has(podIP)) return undefined;
    asked.set(podIP, now);
    return ask(podIP);
  };
}

/** The pod that speaks for the running attempt: index 0 of the Job that has not ended. */
export function speaker(jobs: readonly Job[], pods: readonly Pod[]): Pod | undefined {
  const running = jobs.filter(
    ({ status }) => !isTrue(status?.conditions, "Complete") && !isTrue(status?.conditions, "Failed"),
  );
  const uids = new Set(running.map((job) => job.metadata.uid));
  return pods.find(
    (pod) =>
      pod.status?.phase === "Running" &&
      pod.status.podIP !== undefined &&
      pod.metadata.deletionTimestamp === undefined &&
      completionIndex(pod) === 0 &&
      pod.metadata.ownerReferences?.some(({ uid }) => uids.has(uid)),
  );
}

/** Where a stage stands among the others. */
export interface Place {
  stage: string;
  /** From 0. */
  index: number;
  count: number;
}

export function beginning(place: Place, now: Date): RunProgress {
  return {
    stage: place.stage,
    step: 0,
    total: 0,
    unit: "step",
    percent: percent(place, 0),
    eta: "",
    metrics: [],
    updateTime: timestamp(now),
  };
}

/** Progress as status has it; without a new word from the program the old one stands. */
export function advanced(
  old: RunProgress | undefined,
  said: KernelProgress | undefined,
  place: Place,
  now: Date,
): RunProgress {
  const before = old?.stage === place.stage ? old : beginning(place, now);
  if (said === undefined) return before;
  const share = said.total > 0 ? Math.min(1, said.step / said.total) : 0;
  const checkpointStep = said.checkpoint_step ?? before.checkpointStep;
  return {
    stage: place.stage,
    step: said.step,
    total: said.total,
    unit: said.unit,
    percent: percent(place, share),
    eta: eta(said),
    ...(checkpointStep !== undefined && { checkpointStep }),
    metrics: metricList(said.metrics),
    updateTime: said.updated,
  };
}

/** The last word on a stage that ended well: its final figures, beside those only the running program told. */
export function concluded(old: RunProgress, place: Place, metrics: Readonly<Record<string, number>>): RunProgress {
  const final = metricList(metrics);
  const kept = old.metrics.filter(({ name }) => !(name in metrics));
  return {
    ...old,
    ...(old.total > 0 && { step: old.total }),
    percent: percent(place, 1),
    eta: "",
    metrics: [...kept, ...final].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** Stages count alike: how their lengths compare is not known beforehand. */
function percent({ index, count }: Place, share: number): string {
  return `${Math.floor((100 * (index + share)) / count)}%`;
}

/** Time left at the rate of this process so far, e.g. 4m10s; empty while there is no rate. */
function eta({ step, total, since, updated, resumed_from_step = 0 }: KernelProgress): string {
  const seconds = (Date.parse(updated) - Date.parse(since)) / 1000;
  const done = step - resumed_from_step;
  if (total === 0 || done <= 0 || !(seconds > 0)) return "";
  return durationInWords(Math.ceil(((total - step) * seconds) / done));
}

/** The two greatest units that are not nought, as kubectl writes ages: 12s, 4m10s, 3h5m, 2d4h. */
export function durationInWords(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [Math.floor(seconds) % 60, "s"],
  ] as const;
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first === -1) return "0s";
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join("");
}
