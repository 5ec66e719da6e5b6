import { isDeepStrictEqual } from "node:util";
import type { Artifact } from "../../api/artifact.ts";
import type { TanrenObject } from "../../api/kinds.ts";

/**
 * What every artifact was made from, down to imported data: a graph by digest, from the status of all
 * objects.
 */

/**
 * An object's stage that made an artifact. Equal content from equal parents has one digest, so an artifact
 * may have several makers.
 */
export interface Maker {
  kind: string;
  namespace: string;
  name: string;
  stage: string;
}

export interface LineageEdge {
  /** Role of the parent, e.g. corpus. */
  role: string;
  digest: string;
  /**
   * Set when the object that the parent came from has another artifact now: the child was made from one that
   * is gone. It holds the present digest.
   */
  stale?: string;
}

export interface LineageNode {
  digest: string;
  type?: Artifact["type"];
  sizeBytes?: number;
  /** None: it was imported, or the object that made it was deleted. */
  makers: Maker[];
  parents: LineageEdge[];
}

export type Lineage = ReadonlyMap<string, LineageNode>;

interface RunStatus {
  artifact?: Artifact;
  stages?: readonly { name: string; artifact?: Artifact }[];
}

/** Nodes by digest; a parent that no object has is a node without makers. */
export function lineageOf(objects: readonly TanrenObject<unknown, RunStatus>[]): Lineage {
  const present = presentDigests(objects);
  const nodes = new Map<string, LineageNode>();
  for (const object of objects) {
    for (const artifact of artifactsOf(object)) addArtifact(nodes, object, artifact, present);
  }
  for (const { parents } of [...nodes.values()]) {
    for (const { digest } of parents)
      if (!nodes.has(digest)) nodes.set(digest, { digest, makers: [], parents: [] });
  }
  return nodes;
}

export const isImported = (node: LineageNode): boolean => node.makers.length === 0;

/** Artifacts of an object, each once: the run's own is that of one of its stages. */
function artifactsOf({ status }: TanrenObject<unknown, RunStatus>): Artifact[] {
  const all = [...(status?.stages ?? []).map((stage) => stage.artifact), status?.artifact];
  const byDigest = new Map(
    all.flatMap((artifact) => (artifact ? [[artifact.digest, artifact] as const] : [])),
  );
  return [...byDigest.values()];
}

function addArtifact(
  nodes: Map<string, LineageNode>,
  { kind, metadata: { namespace, name } }: TanrenObject,
  artifact: Artifact,
  present: ReadonlyMap<string, string>,
): void {
  const maker: Maker = { kind, namespace, name, stage: artifact.stage };
  const parents = artifact.parents.map(({ name: role, digest, reference }): LineageEdge => {
    const now = reference === undefined ? undefined : present.get(`${namespace}/${reference}`);
    return { role, digest, stale: now === digest ? undefined : now };
  });
  const known = nodes.get(artifact.digest);
  if (!known) {
    nodes.set(artifact.digest, {
      digest: artifact.digest,
      type: artifact.type,
      sizeBytes: artifact.sizeBytes,
      makers: [maker],
      parents,
    });
    return;
  }
  known.makers.push(maker);
  // The same parents by digest; but each maker got them from objects of its own.
  known.parents.push(
    ...parents.filter((edge) => !known.parents.some((other) => isDeepStrictEqual(other, edge))),
  );
}

/** The artifact that each object has now, by namespace and reference. */
function presentDigests(objects: readonly TanrenObject<unknown, RunStatus>[]): ReadonlyMap<string, string> {
  return new Map(
    objects.flatMap(({ kind, metadata: { namespace, name }, status }) =>
      status?.artifact ? [[`${namespace}/${kind}/${name}`, status.artifact.digest] as const] : [],
    ),
  );
}

/** One artifact with all it was made from, as a tree that can be printed. */
export interface LineageTree {
  /** Role it has for the artifact above it; absent at the root. */
  role?: string;
  node: LineageNode;
  imported: boolean;
  /** Digest that the object it came from has now, where that is another. */
  stale?: string;
  /** Set where the artifact stands elsewhere in the tree already; its parents are shown there. */
  repeated: boolean;
  parents: LineageTree[];
}

/** The tree below a digest; undefined when no object has it and nothing was made from it. */
export function lineageTree(lineage: Lineage, digest: string): LineageTree | undefined {
  const root = lineage.get(digest);
  return root && grow(lineage, root, new Set());
}

function grow(lineage: Lineage, node: LineageNode, shown: Set<string>): LineageTree {
  const repeated = shown.has(node.digest) && node.parents.length > 0;
  shown.add(node.digest);
  const parents = repeated
    ? []
    : node.parents.flatMap(({ role, digest, stale }) => {
        const parent = lineage.get(digest);
        return parent ? [{ ...grow(lineage, parent, shown), role, stale }] : [];
      });
  return { node, imported: isImported(node), repeated, parents };
}

/** Artifacts that nothing was made from: the ends of the chain, where trees begin. */
export function newest(lineage: Lineage): LineageNode[] {
  const parents = new Set([...lineage.values()].flatMap((node) => node.parents.map((edge) => edge.digest)));
  return [...lineage.values()].filter((node) => !parents.has(node.digest));
}
