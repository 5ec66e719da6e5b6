import { type KubernetesObject, lastSeen } from "../cluster/objects.ts";
import { plainText } from "../cluster/plain-text.ts";
import type { Cluster } from "../cluster/port.ts";
import { events } from "../cluster/resource.ts";

/** Limit of the API server for a note of its own kind; older ones may hold more. */
const longestNote = 1024;

/**
 * The newest Warning of the cluster's own controllers at an object, as `reason: note`: a Job does not say in
 * its status that a quota refuses its pods, nor a pod that its Secret is missing. Asked of the API server, for
 * Events are in no cache.
 */
export async function newestComplaint(
  cluster: Cluster,
  { metadata: { namespace, uid } }: KubernetesObject,
): Promise<string | undefined> {
  const said = await cluster.list(events, { namespace, fields: { "regarding.uid": uid } });
  const [newest] = said
    .filter(({ type }) => type === "Warning")
    .toSorted((a, b) => Date.parse(lastSeen(b)) - Date.parse(lastSeen(a)));
  return newest && plainText(`${newest.reason}: ${newest.note}`, longestNote);
}
