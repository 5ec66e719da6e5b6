import type { PersistentVolumeClaim, Pod } from "../../objects.ts";
import { quantityValue } from "../../quantity.ts";
import { claims, pods } from "../../resource.ts";
import { Controller, type ControllerContext, on } from "../controller.ts";
import { ended, isTerminal, unschedulable } from "../kubelet/pod-status.ts";

const nodeName = "local";

/** Binds pods to this machine as its cores get free. */
export function runScheduler(context: ControllerContext, cpus: number): Controller {
  const { store, clock } = context;
  const sync = () => {
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
  };
  const all = () => ["all"];
  return new Controller(context, sync, [on(pods, all), on(claims, all)]);
}

interface Placement {
  bind: Pod[];
  /** Why the others cannot, in the scheduler's words. */
  refuse: { pod: Pod; message: string }[];
}

/** Resources that are not counted: the memory limit is enforced while the pod runs. */
const uncounted = new Set(["cpu", "memory", "ephemeral-storage"]);

/** Who may run, oldest first. */
function place(pods: readonly Pod[], claims: readonly PersistentVolumeClaim[], cpus: number): Placement {
  const living = pods.filter((pod) => !isTerminal(pod));
  const unbound = living.filter(
    ({ spec, metadata }) => spec.nodeName === undefined && !metadata.deletionTimestamp,
  );
  const age = (pod: Pod) => Date.parse(pod.metadata.creationTimestamp);
  let used = living
    .filter(({ spec }) => spec.nodeName !== undefined)
    .reduce((sum, pod) => sum + cpuOf(pod), 0);
  const placement: Placement = { bind: [], refuse: [] };
  for (const pod of unbound.toSorted((a, b) => age(a) - age(b))) {
    const missing = missingClaim(pod, claims) ?? missingDevice(pod);
    const fits = used + cpuOf(pod) <= cpus + 1e-9;
    if (missing || !fits) {
      placement.refuse.push({ pod, message: `0/1 nodes are available: ${missing ?? "1 Insufficient cpu"}.` });
      continue;
    }
    used += cpuOf(pod);
    placement.bind.push(pod);
  }
  return placement;
}

/** Cores that the pod asks for: a limit without a request is a request. */
function cpuOf({ spec }: Pod): number {
  return spec.containers.reduce((sum, { resources }) => {
    return sum + quantityValue(resources.requests.cpu ?? resources.limits.cpu ?? "0");
  }, 0);
}

function missingClaim({ spec, metadata }: Pod, claims: readonly PersistentVolumeClaim[]): string | undefined {
  const names = spec.volumes.flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? []);
  for (const name of names) {
    const claim = claims.find(
      (held) => held.metadata.name === name && held.metadata.namespace === metadata.namespace,
    );
    if (!claim) return `persistentvolumeclaim "${name}" not found`;
    if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`;
  }
  return undefined;
}

function missingDevice({ spec }: Pod): string | undefined {
  const asked = spec.containers.flatMap(({ resources }) =>
    Object.entries({ ...resources.limits, ...resources.requests }),
  );
  const device = asked.find(([name, quantity]) => !uncounted.has(name) && quantityValue(quantity) > 0);
  return device && `1 Insufficient ${device[0]}`;
}
