/**
 * A line in which namespaces take turns, so that what one of them asks for keeps no other waiting. Invariants:
 * - each item stands in line once, and leaves in the order in which its namespace's came;
 * - between two turns of a namespace every other one that waits has had one;
 * - everything is O(1), however many wait.
 */
export class FairQueue<Item> {
  /** Items of each namespace, oldest first; the namespace whose turn is next comes first. None is empty. */
  readonly #lines = new Map<string, Set<Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(namespace: string, item: Item): boolean {
    return this.#lines.get(namespace)?.has(item) ?? false;
  }

  push(namespace: string, item: Item): void {
    const line = this.#lines.get(namespace) ?? new Set();
    this.#lines.set(namespace, line);
    if (!line.has(item)) this.#size++;
    line.add(item);
  }

  /** The item whose turn it is; undefined where nothing waits. */
  shift(): Item | undefined {
    for (const [namespace, line] of this.#lines) {
      for (const item of line) {
        this.#take(namespace, line, item);
        if (line.size > 0) {
          this.#lines.delete(namespace);
          this.#lines.set(namespace, line);
        }
        return item;
      }
    }
    return undefined;
  }

  /** Takes the item out of turn; false where it does not wait. */
  remove(namespace: string, item: Item): boolean {
    const line = this.#lines.get(namespace);
    if (!line?.has(item)) return false;
    this.#take(namespace, line, item);
    return true;
  }

  clear(): void {
    this.#lines.clear();
    this.#size = 0;
  }

  #take(namespace: string, line: Set<Item>, item: Item): void {
    line.delete(item);
    this.#size--;
    if (line.size === 0) this.#lines.delete(namespace);
  }
}
