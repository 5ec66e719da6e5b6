import fc from "fast-check";
import { expect, test } from "vitest";
import { FairQueue } from "./fair-queue.ts";

const namespaces = ["a", "b", "c"] as const;
type Step = { do: "push" | "remove"; namespace: string; item: number } | { do: "shift" };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("push" as const), namespace: fc.constantFrom(...namespaces), item: fc.nat(9) }),
  fc.record({
    do: fc.constant("remove" as const),
    namespace: fc.constantFrom(...namespaces),
    item: fc.nat(9),
  }),
  fc.record({ do: fc.constant("shift" as const) }),
);

test("a burst of one namespace keeps no other waiting, and each keeps its own order", () => {
  const queue = new FairQueue<string>();
  for (const item of ["a1", "a2", "a3", "a4"]) queue.push("a", item);
  expect(queue.shift()).toBe("a1");
  queue.push("b", "b1");
  queue.push("c", "c1");
  queue.push("b", "b2");
  expect(Array.from({ length: 7 }, () => queue.shift())).toEqual([
    "a2",
    "b1",
    "c1",
    "a3",
    "b2",
    "a4",
    undefined,
  ]);
});

/** The same with lists: what is right is plain to see. */
class Model {
  readonly #lines = new Map<string, string[]>();

  lineOf(namespace: string): string[] {
    return this.#lines.get(namespace) ?? [];
  }

  set(namespace: string, line: string[]): void {
    this.#lines.set(namespace, line);
  }

  heads(): string[] {
    return [...this.#lines.values()].flatMap((line) => line.slice(0, 1));
  }

  take(item: string): void {
    for (const [namespace, line] of this.#lines)
      this.set(
        namespace,
        line.filter((other) => other !== item),
      );
  }

  get size(): number {
    return [...this.#lines.values()].flat().length;
  }
}

function shift(queue: FairQueue<string>, model: Model): void {
  const [heads, item] = [model.heads(), queue.shift()];
  if (item === undefined) {
    expect(heads).toEqual([]);
    return;
  }
  expect(heads).toContain(item);
  model.take(item);
}

function carryOut(next: Step, queue: FairQueue<string>, model: Model): void {
  if (next.do === "shift") {
    shift(queue, model);
    return;
  }
  const { namespace } = next;
  const item = `${namespace}${next.item}`;
  const line = model.lineOf(namespace);
  expect(queue.has(namespace, item)).toBe(line.includes(item));
  if (next.do === "remove") {
    expect(queue.remove(namespace, item)).toBe(line.includes(item));
    model.take(item);
    return;
  }
  queue.push(namespace, item);
  if (!line.includes(item)) model.set(namespace, [...line, item]);
}

test("whatever the order of calls: nothing is lost or handed out twice, order holds within a namespace", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const queue = new FairQueue<string>();
      const model = new Model();
      for (const next of steps) {
        carryOut(next, queue, model);
        expect(queue.size).toBe(model.size);
      }
    }),
  );
});

test("between two turns of a namespace every other one that waits has had one", () => {
  const filled = fc.array(fc.tuple(fc.constantFrom(...namespaces), fc.nat(99)), { maxLength: 60 });
  fc.assert(
    fc.property(filled, (pushes) => {
      const queue = new FairQueue<string>();
      const left = new Map<string, number>();
      for (const [namespace, item] of pushes) {
        if (!queue.has(namespace, `${namespace}${item}`)) left.set(namespace, (left.get(namespace) ?? 0) + 1);
        queue.push(namespace, `${namespace}${item}`);
      }
      const passedOver = new Map<string, number>();
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
        const served = item.slice(0, 1);
        left.set(served, (left.get(served) ?? 0) - 1);
        passedOver.set(served, 0);
        for (const [other, count] of left) {
          if (other === served || count === 0) continue;
          const passes = (passedOver.get(other) ?? 0) + 1;
          passedOver.set(other, passes);
          expect(passes).toBeLessThan(namespaces.length);
        }
      }
    }),
  );
});
