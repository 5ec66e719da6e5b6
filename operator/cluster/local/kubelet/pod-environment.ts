import { join } from "node:path";
import type { EnvVar, Pod } from "../../objects.ts";
import { pods } from "../../resource.ts";
import type { Store } from "../apiserver/store.ts";
import { isTerminal } from "./pod-status.ts";
import { NotReadyError } from "./volumes.ts";

/**
 * The container's environment. There is neither a name service nor a root directory of its own here: a value
 * that is the name of a pod becomes its address, one that is a mount path becomes where the mount is beneath
 * `root`.
 */
export function environmentOf(store: Store, pod: Pod, root: string): Record<string, string> {
  const [container] = pod.spec.containers;
  const mounts = container?.volumeMounts.map(({ mountPath }) => mountPath) ?? [];
  const placed = (value: string) => (mounts.includes(value) ? join(root, value) : resolve(store, pod, value));
  return {
    ...(mounts.includes("/tmp") && { TMPDIR: join(root, "tmp") }),
    ...Object.fromEntries(
      (container?.env ?? []).map((variable) => [variable.name, placed(stated(pod, variable))]),
    ),
  };
}

function stated(pod: Pod, { value = "", valueFrom }: EnvVar): string {
  switch (valueFrom?.fieldRef.fieldPath) {
    case "status.podIP":
      return pod.status?.podIP ?? "";
    case "metadata.name":
      return pod.metadata.name;
    case "metadata.uid":
      return pod.metadata.uid;
    case undefined:
      return value;
  }
}

/**
 * `<hostname>.<subdomain>` of a living pod of the namespace. One of the pod's own subdomain is waited for.
 */
function resolve(store: Store, pod: Pod, value: string): string {
  const [hostname, subdomain, ...rest] = value.split(".");
  if (!hostname || !subdomain || rest.length > 0) return value;
  const peer = store
    .list(pods, { namespace: pod.metadata.namespace })
    .find((other) => other.spec.hostname === hostname && other.spec.subdomain === subdomain && isHere(other));
  if (peer?.status?.podIP) return peer.status.podIP;
  if (peer || subdomain === pod.spec.subdomain)
    throw new NotReadyError("ContainerCreating", `waiting for the address of pod ${value}`);
  return value;
}

function isHere(pod: Pod): boolean {
  return !isTerminal(pod) && !pod.metadata.deletionTimestamp;
}
