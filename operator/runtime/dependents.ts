/** Names an object of a namespace, whatever its kind. */
export interface ObjectName {
  kind: string;
  namespace: string;
  name: string;
}

const keyOf = ({ kind, namespace, name }: ObjectName) => `${kind}/${namespace}/${name}`;

/** Who refers to whom, kept from what the watches tell: lets a change of an object wake those that refer to it. */
export class Dependents {
  readonly #targets = new Map<string, ObjectName[]>();
  readonly #sources = new Map<string, Map<string, ObjectName>>();

  /** Says what an object refers to now; returns the objects it referred to before and does so no more. */
  set(source: ObjectName, targets: readonly ObjectName[]): ObjectName[] {
    const from = keyOf(source);
    const kept = new Set(targets.map(keyOf));
    const released = (this.#targets.get(from) ?? []).filter((target) => !kept.has(keyOf(target)));
    for (const target of released) {
      const sources = this.#sources.get(keyOf(target));
      sources?.delete(from);
      if (sources?.size === 0) this.#sources.delete(keyOf(target));
    }
    for (const target of targets) {
      const sources = this.#sources.get(keyOf(target)) ?? new Map<string, ObjectName>();
      this.#sources.set(keyOf(target), sources.set(from, source));
    }
    if (targets.length > 0) this.#targets.set(from, [...targets]);
    else this.#targets.delete(from);
    return released;
  }

  of(target: ObjectName): ObjectName[] {
    return [...(this.#sources.get(keyOf(target))?.values() ?? [])];
  }
}
