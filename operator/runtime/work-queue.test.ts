import fc from "fast-check";
import { expect, test } from "vitest";
import { FakeClock } from "../testing/fake-clock.ts";
import { WorkQueue } from "./work-queue.ts";

function aQueue(random = () => 0) {
  const clock = new FakeClock();
  return { clock, queue: new WorkQueue({ clock, random }) };
}

test("a key added while it is worked on is handed out once more afterwards", async () => {
  const { queue } = aQueue();
  queue.add("a");
  expect(await queue.take()).toBe("a");
  queue.add("a");
  queue.add("a");
  const next = queue.take();
  queue.done("a");
  expect(await next).toBe("a");
});

test("urgent keys go first, also those that waited already or are worked on", async () => {
  const { queue } = aQueue();
  for (const key of ["a", "b", "c"]) queue.add(key);
  queue.add("d", { urgent: true });
  queue.add("c", { urgent: true });
  queue.add("d");
  const taken = async () => {
    const key = await queue.take();
    if (key !== undefined) queue.done(key);
    return key;
  };
  expect([await taken(), await taken(), await queue.take()]).toEqual(["d", "c", "a"]);
  queue.add("a");
  queue.add("a", { urgent: true });
  queue.add("a");
  queue.done("a");
  expect([await taken(), await taken()]).toEqual(["a", "b"]);
});

async function order(queue: WorkQueue, count: number): Promise<(string | undefined)[]> {
  const taken: (string | undefined)[] = [];
  for (let taking = 0; taking < count; taking++) {
    const key = await queue.take();
    if (key !== undefined) queue.done(key);
    taken.push(key);
  }
  return taken;
}

test("a burst of one namespace lets another's key through at its next turn", async () => {
  const { queue } = aQueue();
  for (let index = 0; index < 1_000; index++) queue.add(`burst/${index}`, { urgent: true });
  await order(queue, 10);
  queue.add("other/scale", { urgent: true });
  expect(await order(queue, 2)).toContain("other/scale");
});

test("an endless burst of urgent keys does not stop what is not urgent: it has one key in four", async () => {
  const { queue } = aQueue();
  for (let index = 0; index < 1_000; index++) queue.add(`burst/${index}`, { urgent: true });
  for (const key of ["old/a", "old/b", "new/c"]) queue.add(key);
  const taken = await order(queue, 12);
  expect(taken.filter((key) => !key?.startsWith("burst/"))).toEqual(["old/a", "new/c", "old/b"]);
  expect(taken.slice(0, 3).every((key) => key?.startsWith("burst/"))).toBe(true);
});

test("whatever waits, each namespace is passed over at most once by every other between two turns", async () => {
  const namespaces = ["a", "b", "c"];
  const keys = fc.array(fc.tuple(fc.constantFrom(...namespaces), fc.nat(30)), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(keys, async (added) => {
      const { queue } = aQueue();
      const left = new Map<string, number>();
      for (const key of new Set(added.map(([namespace, name]) => `${namespace}/${name}`))) {
        queue.add(key, { urgent: true });
        const namespace = key.slice(0, 1);
        left.set(namespace, (left.get(namespace) ?? 0) + 1);
      }
      const taken = await order(
        queue,
        [...left.values()].reduce((sum, count) => sum + count, 0),
      );
      const passes = new Map<string, number>();
      for (const key of taken) {
        const served = key?.slice(0, 1) ?? "";
        left.set(served, (left.get(served) ?? 0) - 1);
        passes.set(served, 0);
        for (const other of namespaces) {
          if (other === served || (left.get(other) ?? 0) === 0) continue;
          passes.set(other, (passes.get(other) ?? 0) + 1);
          expect(passes.get(other)).toBeLessThan(namespaces.length);
        }
      }
    }),
  );
});

test("of several delayed adds the earliest counts", async () => {
  const { clock, queue } = aQueue();
  queue.addAfter("a", 1000);
  queue.addAfter("a", 100);
  queue.addAfter("a", 500);
  const taken = queue.take();
  clock.advance(100);
  expect(await taken).toBe("a");
  queue.done("a");
  const seen: unknown[] = [];
  void queue.take().then((key) => seen.push(key));
  clock.advance(10_000);
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual([]);
});

test("backoff doubles from 5 ms to 5 min and is cleared by forget", async () => {
  const { clock, queue } = aQueue(() => 1);
  const waits: number[] = [];
  for (let failure = 0; failure < 20; failure++) {
    queue.addRateLimited("a");
    const before = clock.now().getTime();
    const taken = queue.take();
    let done = false;
    void taken.then(() => {
      done = true;
    });
    while (!done) {
      clock.advance(5);
      await Promise.resolve();
      await Promise.resolve();
    }
    waits.push(clock.now().getTime() - before);
    queue.done("a");
  }
  expect(waits.slice(0, 4)).toEqual([5, 10, 20, 40]);
  expect(Math.max(...waits)).toBeLessThanOrEqual(300_005);
  queue.forget("a");
  queue.addRateLimited("a");
  const taken = queue.take();
  clock.advance(5);
  expect(await taken).toBe("a");
});

test("a stopped queue hands out nothing more and lets its takers go", async () => {
  const { queue } = aQueue();
  const waiting = queue.take();
  queue.stop();
  queue.add("a");
  expect(await waiting).toBeUndefined();
  expect(await queue.take()).toBeUndefined();
});

type Step =
  | { do: "add" | "later" | "retry"; key: string; after: number; urgent: boolean }
  | { do: "take" }
  | { do: "finish" }
  | { do: "pass"; time: number };
const key = fc.constantFrom("a/x", "a/y", "b/x");
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constantFrom("add" as const, "later" as const, "retry" as const),
      key,
      after: fc.nat(100),
      urgent: fc.boolean(),
    }),
    fc.constant({ do: "take" as const }),
    fc.constant({ do: "finish" as const }),
    fc.record({ do: fc.constant("pass" as const), time: fc.nat(200) }),
  ),
  { maxLength: 60 },
);

/** Workers of a queue, and what the queue owes them. */
class Shop {
  readonly clock = new FakeClock();
  readonly queue = new WorkQueue({ clock: this.clock, random: () => 0.5 });
  readonly working: string[] = [];
  /** Keys with an add that no later take has answered. */
  readonly owed = new Set<string>();
  #takers = 0;

  async carryOut(step: Step): Promise<void> {
    if (step.do === "take") this.#take();
    else if (step.do === "pass") this.clock.advance(step.time);
    else if (step.do === "finish") this.#finish();
    else this.#add(step);
    await settled();
  }

  /** Works until nothing is owed, or for so long that something must have been lost. */
  async drain(): Promise<void> {
    this.clock.advance(600_000);
    for (let round = 0; round < 30 && (this.owed.size > 0 || this.working.length > 0); round++) {
      while (this.working.length > 0) this.#finish();
      if (this.#takers === 0) this.#take();
      await settled();
    }
  }

  #add({ do: how, key, after, urgent }: Extract<Step, { key: string }>): void {
    this.owed.add(key);
    if (how === "add") this.queue.add(key, { urgent });
    else if (how === "later") this.queue.addAfter(key, after);
    else this.queue.addRateLimited(key);
  }

  #take(): void {
    this.#takers += 1;
    void this.queue.take().then((key) => {
      this.#takers -= 1;
      if (key === undefined) return;
      expect(this.working).not.toContain(key);
      this.working.push(key);
      this.owed.delete(key);
    });
  }

  #finish(): void {
    const key = this.working.shift();
    if (key !== undefined) this.queue.done(key);
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("whatever the order of calls: a key is never worked on twice at once, and no add is lost", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (calls) => {
      const shop = new Shop();
      for (const call of calls) await shop.carryOut(call);
      await shop.drain();
      expect([...shop.owed]).toEqual([]);
    }),
    { numRuns: 200 },
  );
});
