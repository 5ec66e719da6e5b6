import { isImported, type Lineage, type LineageNode } from "./lineage.ts";

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
        return parent ? [{ ...grow(lineage, parent, shown), role, ...(stale !== undefined && { stale }) }] : [];
      });
  return { node, imported: isImported(node), repeated, parents };
}

/** Every edge to a parent that was replaced since, with the artifact it leads from. */
export function staleEdges(lineage: Lineage): { child: LineageNode; role: string; was: string; is: string }[] {
  return [...lineage.values()].flatMap((child) =>
    child.parents.flatMap(({ role, digest, stale }) =>
      stale === undefined ? [] : [{ child, role, was: digest, is: stale }],
    ),
  );
}

/** Artifacts that nothing was made from: the ends of the chain, where trees begin. */
export function newest(lineage: Lineage): LineageNode[] {
  const parents = new Set([...lineage.values()].flatMap((node) => node.parents.map((edge) => edge.digest)));
  return [...lineage.values()].filter((node) => !parents.has(node.digest));
}
