import type { Clock } from "../../../clock/clock.ts";
import { sleep } from "../../../clock/sleep.ts";
import type { Pod } from "../../objects.ts";
import { pods } from "../../resource.ts";
import type { Store } from "../apiserver/store.ts";
import { currentAttempt, terminatedState } from "./pod-directory.ts";
import { ended, isTerminal, type Termination } from "./pod-status.ts";

const period = 20;

/** Tells a Job's failure policy that the program is not to blame. */
const message = "Pod was terminated in response to imminent node shutdown.";
const cutOff: Termination = {
  reason: "Terminated",
  message,
  condition: { type: "DisruptionTarget", status: "True", reason: "TerminationByKubelet", message },
};

/**
 * Stops every pod within its grace period, as a kubelet does when its machine shuts down; at once when
 * hurried. Nothing else may act on the pods meanwhile.
 */
export async function shutDownPods(
  store: Store,
  stateDirectory: string,
  clock: Clock,
  isHurried: () => boolean,
): Promise<void> {
  const living = store.list(pods).filter((pod) => pod.spec.nodeName && !isTerminal(pod));
  const ends = await Promise.allSettled(
    living.map(async (pod) => {
      const terminated = await stopped(stateDirectory, pod, clock, isHurried);
      const status = ended(pod, { ...cutOff, terminated }, clock.now());
      store.updateStatus(pods, { ...pod, status });
      if (pod.metadata.deletionTimestamp) store.delete(pods, pod);
    }),
  );
  // What one pod met, such as a full disk, must not leave another one running.
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** How the pod's process ended; undefined when there was none. */
async function stopped(
  stateDirectory: string,
  pod: Pod,
  clock: Clock,
  isHurried: () => boolean,
): Promise<Termination["terminated"]> {
  const attempt = currentAttempt(stateDirectory, pod);
  const killAt = clock.now().getTime() + pod.spec.terminationGracePeriodSeconds * 1_000;
  let isTerminating = false;
  for (;;) {
    const seen = attempt.observe();
    if (seen.state === "absent" && attempt.forestall()) return undefined;
    if (seen.state === "running" && !isTerminating) {
      attempt.terminate();
      isTerminating = true;
    }
    if (seen.state === "ended") {
      if (attempt.members().length === 0) return terminatedState(stateDirectory, pod, seen);
      attempt.kill();
    }
    if (isHurried() || clock.now().getTime() >= killAt) attempt.kill();
    await sleep(clock, period);
  }
}
