import { setTimeout as sleep } from "node:timers/promises";
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
  isHurried: () => boolean,
): Promise<void> {
  const living = store.list(pods).filter((pod) => pod.spec.nodeName && !isTerminal(pod));
  await Promise.all(
    living.map(async (pod) => {
      const terminated = await stopped(stateDirectory, pod, isHurried);
      const status = ended(pod, { ...cutOff, ...(terminated && { terminated }) }, new Date());
      store.updateStatus(pods, { ...pod, status });
      if (pod.metadata.deletionTimestamp) store.delete(pods, pod);
    }),
  );
}

/** How the pod's process ended; undefined when there was none. */
async function stopped(
  stateDirectory: string,
  pod: Pod,
  isHurried: () => boolean,
): Promise<Termination["terminated"]> {
  const attempt = currentAttempt(stateDirectory, pod);
  const killAt = Date.now() + pod.spec.terminationGracePeriodSeconds * 1_000;
  let asked = false;
  for (;;) {
    const seen = attempt.observe();
    if (seen.state === "absent" && attempt.forestall()) return undefined;
    if (seen.state === "running" && !asked) {
      attempt.terminate();
      asked = true;
    }
    if (seen.state === "ended") {
      if (attempt.members().length === 0) return terminatedState(stateDirectory, pod, seen);
      attempt.kill();
    }
    if (isHurried() || Date.now() >= killAt) attempt.kill();
    await sleep(period);
  }
}
