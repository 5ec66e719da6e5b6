import type { Clock } from "../../../clock/clock.ts";
import { claims, pods } from "../../resource.ts";
import type { Store } from "../apiserver/store.ts";
import { place } from "../kubelet/placement.ts";
import { ended, unschedulable } from "../kubelet/pod-status.ts";
import { Loop } from "../work-loop.ts";

const nodeName = "local";

/** Binds pods to this machine as its cores get free; what to bind is decided in placement. */
export function runScheduler(
  store: Store,
  cpus: number,
  clock: Clock,
  report: (error: unknown) => void,
): { stop(): void } {
  const loop = new Loop(clock, report, () => {
    const all = store.list(pods);
    for (const pod of all) {
      if (pod.spec.nodeName || !pod.metadata.deletionTimestamp || pod.status?.phase === "Failed") continue;
      // Deleted before it was placed, kept by a finalizer: whoever waits for its end must see one.
      store.updateStatus(pods, { ...pod, status: ended(pod, {}, clock.now()) });
      store.delete(pods, pod);
    }
    const { bind, refuse } = place(all, store.list(claims), cpus);
    for (const pod of bind) store.bind(pod, nodeName);
    for (const { pod, message } of refuse) {
      store.updateStatus(pods, { ...pod, status: unschedulable(pod, message, clock.now()) });
    }
    return undefined;
  });
  const watches = [store.watch(pods, {}, () => loop.mark("all")), store.watch(claims, {}, () => loop.mark("all"))];
  return {
    stop() {
      loop.stop();
      for (const watch of watches) watch.close();
    },
  };
}
