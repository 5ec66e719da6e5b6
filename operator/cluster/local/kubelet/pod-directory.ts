import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { timestamp } from "../../../clock/clock.ts";
import type { Pod, TerminatedState } from "../../objects.ts";
import { noPreviousLog } from "../../port.ts";
import { Attempt, type Observation } from "./container.ts";
import { restartCount } from "./pod-status.ts";

/**
 * `<state>/pods/<uid>`: root/ as the container sees it, volumes/, and attempts/<n>/ for each start of the
 * container, with its log.
 */

export function podsDirectory(stateDirectory: string): string {
  return join(stateDirectory, "pods");
}

export function podDirectory(stateDirectory: string, { metadata }: Pick<Pod, "metadata">): string {
  return join(podsDirectory(stateDirectory), metadata.uid);
}

/** The container's current start: the one that its restartCount names. */
export function currentAttempt(stateDirectory: string, pod: Pod): Attempt {
  return attemptOf(stateDirectory, pod, restartCount(pod));
}

/**
 * The log of the container's newest start, as the kubelet has it: of the last that there was while the next
 * is waited for.
 */
export function podLog(stateDirectory: string, pod: Pod, previous = false): string {
  const restarts = restartCount(pod);
  const { namespace, name } = pod.metadata;
  if (previous && restarts === 0) throw noPreviousLog(namespace, name);
  const current = currentAttempt(stateDirectory, pod).logPath;
  if (restarts === 0 || (!previous && existsSync(current))) return current;
  return attemptOf(stateDirectory, pod, restarts - 1).logPath;
}

function attemptOf(stateDirectory: string, pod: Pod, start: number): Attempt {
  return new Attempt(join(podDirectory(stateDirectory, pod), "attempts", String(start)));
}

const messageBytes = 4_096;

/** How the attempt ended, with the result that the program left. */
export function terminatedState(
  stateDirectory: string,
  pod: Pod,
  { exitCode, reason, startedAt, finishedAt }: Extract<Observation, { state: "ended" }>,
): TerminatedState {
  const fallback =
    pod.spec.containers[0]?.terminationMessagePolicy === "FallbackToLogsOnError" && exitCode !== 0;
  const { resultPath } = currentAttempt(stateDirectory, pod);
  const message = head(resultPath) || (fallback ? tail(podLog(stateDirectory, pod)) : "");
  const times = { startedAt: timestamp(startedAt), finishedAt: timestamp(finishedAt) };
  return { exitCode, reason, message: message || undefined, ...times };
}

function head(path: string): string {
  return read(path, messageBytes, "start")
    .toString("utf8")
    .replace(/\uFFFD$/, "");
}

/** As the kubelet's FallbackToLogsOnError: the last 2,048 bytes or 80 lines, whichever is less. */
function tail(path: string): string {
  return read(path, 2_048, "end").toString("utf8").split("\n").slice(-80).join("\n");
}

/** At most so many bytes of the file: a program may leave any number. */
function read(path: string, bytes: number, from: "start" | "end"): Buffer {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0); // the program left none
    throw error;
  }
  try {
    const buffer = Buffer.alloc(bytes);
    const position = from === "start" ? 0 : Math.max(0, fstatSync(file).size - bytes);
    return buffer.subarray(0, readSync(file, buffer, 0, bytes, position));
  } finally {
    closeSync(file);
  }
}
