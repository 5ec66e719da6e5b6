import fc from "fast-check";
import { expect, test } from "vitest";
import { FairQueue } from "./fair-queue.ts";

const namespaces = ["a", "b", "c"] as const;
const step = fc.oneof(
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

test("whatever the order of calls: nothing is lost or handed out twice, order holds within a namespace", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const queue = new FairQueue<string>();
      const model = new Map<string, string[]>(namespaces.map((namespace) => [namespace, []]));
      const lineOf = (namespace: string) => model.get(namespace) ?? [];
      const waiting = () => [...model.values()].flat();
      for (const next of steps) {
        if (next.do === "shift") {
          const item = queue.shift();
          const heads = [...model.values()].flatMap((line) => line.slice(0, 1));
          if (item === undefined) expect(waiting()).toEqual([]);
          else expect(heads).toContain(item);
          for (const line of model.values()) if (line[0] === item) line.shift();
          continue;
        }
        const item = `${next.namespace}${next.item}`;
        const line = lineOf(next.namespace);
        expect(queue.has(next.namespace, item)).toBe(line.includes(item));
        if (next.do === "push") {
          queue.push(next.namespace, item);
          if (!line.includes(item)) line.push(item);
        } else {
          expect(queue.remove(next.namespace, item)).toBe(line.includes(item));
          model.set(
            next.namespace,
            line.filter((other) => other !== item),
          );
        }
        expect(queue.size).toBe(waiting().length);
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
