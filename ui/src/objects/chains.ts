import { type AnyObject, keyOf, keyOfObject, kindNames } from "./objects.ts";
import { phaseOf, urgency } from "./phase.ts";
import { isOutdated, type Reference, referencesOf } from "./references.ts";

/**
 * Objects that refer to each other, directly or through others, make one chain: a small graph in columns, each
 * right of everything it is made from. Each box has a column and a row.
 */

export interface ChainNode {
  key: string;
  object?: AnyObject;
  /** Referred to and not there. */
  missing?: Reference;
  column: number;
  row: number;
}

export interface ChainEdge {
  from: string;
  to: string;
  role: string;
  outdated: boolean;
}

export interface Chain {
  key: string;
  namespace: string;
  nodes: ChainNode[];
  edges: ChainEdge[];
  columns: number;
  rows: number;
  /** Of its most pressing object. */
  urgency: number;
}

export function chainsOf(objects: readonly AnyObject[]): Chain[] {
  const byKey = new Map(objects.map((object) => [keyOfObject(object), object]));
  const group = new Groups();
  const missing = new Map<string, Reference>();
  for (const [key, object] of byKey) {
    group.add(key);
    for (const reference of referencesOf(object)) {
      const parent = keyOf(reference);
      if (!byKey.has(parent)) missing.set(parent, reference);
      group.join(key, parent);
    }
  }
  return group
    .all()
    .map((keys) => chainOf(keys, byKey, missing))
    .toSorted(
      (a, b) =>
        a.urgency - b.urgency ||
        b.nodes.length - a.nodes.length ||
        (a.key < b.key ? -1 : Number(a.key > b.key)),
    );
}

function chainOf(
  keys: readonly string[],
  byKey: ReadonlyMap<string, AnyObject>,
  missing: ReadonlyMap<string, Reference>,
): Chain {
  const edges = keys.flatMap((key) => {
    const object = byKey.get(key);
    return object === undefined ? [] : edgesInto(key, object, byKey);
  });
  const columnOf = columns(keys, edges);
  const rowsTaken: number[] = [];
  const placed = new Map<string, ChainNode>();
  const inOrder = keys.toSorted(
    (a, b) =>
      (columnOf.get(a) ?? 0) - (columnOf.get(b) ?? 0) || kindRank(a) - kindRank(b) || (a < b ? -1 : 1),
  );
  for (const key of inOrder) {
    const column = columnOf.get(key) ?? 0;
    // Beside what it is made from, or below what stands there already.
    const beside = edges.flatMap(({ from, to }) => (to === key ? (placed.get(from)?.row ?? []) : []));
    const row = Math.max(rowsTaken[column] ?? 0, beside.length === 0 ? 0 : Math.min(...beside));
    rowsTaken[column] = row + 1;
    placed.set(key, { key, object: byKey.get(key), missing: missing.get(key), column, row });
  }
  const nodes = [...placed.values()];
  return {
    key: keys.toSorted()[0] ?? "",
    namespace: keys[0]?.split("/")[1] ?? "",
    nodes,
    edges,
    columns: Math.max(...nodes.map(({ column }) => column)) + 1,
    rows: Math.max(...nodes.map(({ row }) => row)) + 1,
    urgency: Math.min(
      ...nodes.map(({ object }) => (object === undefined ? urgency.waiting : urgency[phaseOf(object)])),
    ),
  };
}

const edgesInto = (key: string, object: AnyObject, byKey: ReadonlyMap<string, AnyObject>): ChainEdge[] =>
  referencesOf(object).map((reference) => {
    const from = keyOf(reference);
    const parent = byKey.get(from);
    return {
      from,
      to: key,
      role: reference.role,
      outdated: parent ? isOutdated(object, parent) === true : false,
    };
  });

/** Longest way from something that is made from nothing. What refers to itself in a circle stays where it is. */
function columns(keys: readonly string[], edges: readonly ChainEdge[]): ReadonlyMap<string, number> {
  const column = new Map(keys.map((key) => [key, 0]));
  for (let round = 0; round < keys.length; round += 1) {
    let moved = false;
    for (const { from, to } of edges) {
      const wanted = (column.get(from) ?? 0) + 1;
      if (wanted > (column.get(to) ?? 0) && wanted < keys.length) {
        column.set(to, wanted);
        moved = true;
      }
    }
    if (!moved) break;
  }
  return column;
}

const kindRank = (key: string) => (kindNames as string[]).indexOf(key.split("/", 1)[0] ?? "");

/** Union-find. */
class Groups {
  readonly #parent = new Map<string, string>();

  add(key: string): void {
    if (!this.#parent.has(key)) this.#parent.set(key, key);
  }

  join(a: string, b: string): void {
    this.add(a);
    this.add(b);
    this.#parent.set(this.#root(a), this.#root(b));
  }

  all(): string[][] {
    return [...Map.groupBy(this.#parent.keys(), (key) => this.#root(key)).values()];
  }

  #root(key: string): string {
    let root = key;
    for (
      let next = this.#parent.get(root);
      next !== undefined && next !== root;
      next = this.#parent.get(root)
    )
      root = next;
    // Paths stay short.
    for (let one = key; one !== root; ) {
      const next = this.#parent.get(one) ?? root;
      this.#parent.set(one, root);
      one = next;
    }
    return root;
  }
}
