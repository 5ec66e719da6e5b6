import { kindKeyOf, type ObjectName } from "../cluster/object-key.ts";

/**
 * Who refers to whom, kept from what the watches tell: lets a change of an object wake those that refer to
 * it.
 */
export class Dependents {
  readonly #targets = new Map<string, ObjectName[]>();
  readonly #sources = new Map<string, Map<string, ObjectName>>();

  /** Says what an object refers to now; returns the objects it referred to before and does so no more. */
  set(source: ObjectName, targets: readonly ObjectName[]): ObjectName[] {
    const from = kindKeyOf(source);
    const kept = new Set(targets.map(kindKeyOf));
    const released = (this.#targets.get(from) ?? []).filter((target) => !kept.has(kindKeyOf(target)));
    for (const target of released) {
      const sources = this.#sources.get(kindKeyOf(target));
      sources?.delete(from);
      if (sources?.size === 0) this.#sources.delete(kindKeyOf(target));
    }
    for (const target of targets) {
      const sources = this.#sources.get(kindKeyOf(target)) ?? new Map<string, ObjectName>();
      this.#sources.set(kindKeyOf(target), sources.set(from, source));
    }
    if (targets.length > 0) this.#targets.set(from, [...targets]);
    else this.#targets.delete(from);
    return released;
  }

  of(target: ObjectName): ObjectName[] {
    return [...(this.#sources.get(kindKeyOf(target))?.values() ?? [])];
  }
}
