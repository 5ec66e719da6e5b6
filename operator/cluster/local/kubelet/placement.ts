import { randomInt } from "node:crypto";
import type { PersistentVolumeClaim, Pod } from "../../objects.ts";
import { quantityValue } from "../../quantity.ts";
import { isTerminal } from "../conditions.ts";

/** The scheduler of a cluster of one node: who may run, oldest first, and at which address. */

export interface Placement {
  bind: Pod[];
  /** Why the others cannot, in the scheduler's words. */
  refuse: { pod: Pod; message: string }[];
}

/** Resources that are not counted: the memory limit is enforced while the pod runs. */
const uncounted = new Set(["cpu", "memory", "ephemeral-storage"]);

export function place(pods: readonly Pod[], claims: readonly PersistentVolumeClaim[], cpus: number): Placement {
  const living = pods.filter((pod) => !isTerminal(pod));
  const unbound = living.filter(({ spec, metadata }) => spec.nodeName === undefined && !metadata.deletionTimestamp);
  const age = (pod: Pod) => Date.parse(pod.metadata.creationTimestamp);
  let used = living.filter(({ spec }) => spec.nodeName !== undefined).reduce((sum, pod) => sum + cpuOf(pod), 0);
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
    const claim = claims.find((held) => held.metadata.name === name && held.metadata.namespace === metadata.namespace);
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

/** An address of 127.64.0.0/10 that no living pod has. Random, so that nodes of other state directories hardly ever meet. */
export function freeAddress(pods: readonly Pod[]): string {
  const taken = new Set(pods.filter((pod) => !isTerminal(pod)).map((pod) => pod.status?.podIP));
  for (;;) {
    const address = `127.${randomInt(64, 128)}.${randomInt(256)}.${randomInt(1, 255)}`;
    if (!taken.has(address)) return address;
  }
}
