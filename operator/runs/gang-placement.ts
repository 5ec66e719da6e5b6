import { findCondition } from "../cluster/conditions.ts";
import type { ObjectMeta, Pod } from "../cluster/objects.ts";
import type { Cluster } from "../cluster/port.ts";
import { pods as podResource } from "../cluster/resource.ts";
import { labels, managed } from "../engine/names.ts";
import type { KindsByName } from "../engine/references.ts";
import { type Run, runResource } from "../kinds/batch-kind.ts";
import { type Failure, isLive } from "./attempts.ts";
import { isPlaced } from "./waiting.ts";

/**
 * The scheduler places pods one by one, so two gangs can each hold nodes that the other lacks, and both wait
 * for ever. Kueue, or a scheduler of gangs, prevents that; without them the younger gang gives way.
 */

/** A gang is given so long to be placed whole. */
const placementSeconds = 60;

/** A gang of which some pods have a node and others find none. */
export interface HalfPlacedGang {
  run: { kind: string; metadata: Pick<ObjectMeta, "namespace" | "name" | "uid" | "creationTimestamp"> };
  pods: Pod[];
}

/** Pods of a gang find each other by their Service's name; no others have one. */
const isOfGang = (pod: Pod): boolean => pod.spec.subdomain !== undefined && isLive(pod);

/** Since when the pod finds no node; undefined: it has one, or was not tried yet. */
function unschedulableSince({ status }: Pod): number | undefined {
  const scheduled = findCondition(status?.conditions, "PodScheduled");
  const finds = scheduled?.status !== "False" || scheduled.reason !== "Unschedulable";
  return finds ? undefined : Date.parse(scheduled.lastTransitionTime);
}

/** Since when some pods of the gang have found no node while others have one; undefined: not so. */
function halfPlacedSince(pods: readonly Pod[]): number | undefined {
  const gang = pods.filter(isOfGang);
  if (!gang.some(isPlaced)) return undefined;
  const since = gang.flatMap((pod) => unschedulableSince(pod) ?? []);
  return since.length === 0 ? undefined : Math.min(...since);
}

/** The half placed gangs of other runs; none are looked for while this run's own gang is not half placed. */
export async function readRivals(
  reader: { cluster: Cluster; kinds: KindsByName; namespace?: string },
  run: Run,
  own: readonly Pod[],
): Promise<HalfPlacedGang[]> {
  if (halfPlacedSince(own) === undefined) return [];
  const all = await reader.cluster.list(podResource, { namespace: reader.namespace, labels: managed });
  const byRun = Map.groupBy(all.filter(isOfGang), ({ metadata }) => metadata.labels?.[labels.uid]);
  byRun.delete(run.metadata.uid);
  const gangs = [...byRun.values()].filter((pods) => halfPlacedSince(pods) !== undefined);
  const read = gangs.map(async (pods) => {
    const other = await runOf(reader, pods);
    return other === undefined ? [] : [{ run: other, pods }];
  });
  return (await Promise.all(read)).flat();
}

async function runOf(
  { cluster, kinds }: { cluster: Cluster; kinds: KindsByName },
  [pod]: readonly Pod[],
): Promise<Run | undefined> {
  const { namespace = "", labels: own } = pod?.metadata ?? {};
  const kind = kinds.get(own?.[labels.kind] ?? "");
  const run = kind && (await cluster.get(runResource(kind), namespace, own?.[labels.name] ?? ""));
  return run?.metadata.uid === own?.[labels.uid] ? run : undefined;
}

/** How the attempt ends whose gang makes room for an older one; undefined: it stays. */
export function giveWay(
  run: HalfPlacedGang["run"],
  pods: readonly Pod[],
  rivals: readonly HalfPlacedGang[],
  now: Date,
): Failure | undefined {
  const since = halfPlacedSince(pods);
  if (since === undefined || now.getTime() - since < placementSeconds * 1000) return undefined;
  const older = rivals.find((rival) => isOlder(rival.run, run) && mayShareNodes(rival.pods, pods));
  if (older === undefined) return undefined;
  const placed = pods.filter((pod) => isOfGang(pod) && isPlaced(pod)).length;
  const { kind, metadata } = older.run;
  const whose =
    metadata.namespace === run.metadata.namespace ? `${kind} ${metadata.name}` : "a run of another namespace";
  return {
    class: "unplaced",
    reason: "GangNotPlaced",
    message: `only ${placed} of ${pods.filter(isOfGang).length} pods found a node in ${placementSeconds} s, and ${whose}, which is older, lacks nodes as well: it goes first`,
  };
}

/** A total order, so that of any gangs one stays. */
function isOlder(one: HalfPlacedGang["run"], other: HalfPlacedGang["run"]): boolean {
  const [a, b] = [one.metadata, other.metadata];
  return a.creationTimestamp === b.creationTimestamp
    ? a.uid < b.uid
    : Date.parse(a.creationTimestamp) < Date.parse(b.creationTimestamp);
}

/** A node has one value of a label: gangs that ask for different ones take nothing from each other. */
function mayShareNodes([one]: readonly Pod[], [other]: readonly Pod[]): boolean {
  const wanted = other?.spec.nodeSelector ?? {};
  return Object.entries(one?.spec.nodeSelector ?? {}).every(
    ([label, value]) => (wanted[label] ?? value) === value,
  );
}
