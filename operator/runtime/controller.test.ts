import { expect, test } from "vitest";
import { ConflictError } from "../cluster/port.ts";
import { jobs } from "../cluster/resource.ts";
import { anExampleRun, exampleRuns } from "../testing/example-runs.ts";
import { TestEnv } from "../testing/test-env.ts";
import { Controller, type Request } from "./controller.ts";
import { createLogger } from "./logger.ts";
import { Metrics } from "./metrics.ts";
import { again, done, type Outcome } from "./outcome.ts";

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

async function aController(
  reconcile: (request: Request) => Promise<Outcome>,
  failed?: (request: Request, problem: string) => Promise<void>,
) {
  const env = new TestEnv();
  const lines: string[] = [];
  const metrics = new Metrics();
  const controller = new Controller(
    {
      cluster: env.cluster,
      clock: env.clock,
      random: () => 0,
      metrics,
      logger: createLogger({ destination: { write: (line) => lines.push(line) } }),
    },
    {
      resource: exampleRuns,
      reconciler: { reconcile, failed },
      workers: 4,
      children: {
        resources: [jobs],
        labels: {},
        ownerOf: ({ metadata }) => ({ namespace: metadata.namespace, name: metadata.name }),
      },
    },
  );
  await controller.start();
  const total = async (result: string) => {
    const text = await metrics.registry.metrics();
    return Number(text.match(`reconcile_total\\{controller="examplerun",result="${result}"\\} (\\d+)`)?.[1]);
  };
  const create = (name: string) => env.store.apply(exampleRuns, anExampleRun({}, name));
  return { env, controller, lines, total, create };
}

test("an object is reconciled by name; different objects at the same time, one object never twice", async () => {
  const release: (() => void)[] = [];
  const running: string[] = [];
  const { controller, create } = await aController(async ({ name }) => {
    running.push(name);
    await new Promise<void>((resolve) => release.push(resolve));
    return done;
  });
  create("a");
  create("b");
  await settled();
  controller.enqueue({ namespace: "default", name: "a" });
  await settled();
  expect(running.toSorted()).toEqual(["a", "b"]);
  for (const go of release.splice(0)) go();
  await settled();
  expect(running).toHaveLength(3);
  for (const go of release.splice(0)) go();
  await controller.stop();
});

test("again comes after its time, what is thrown after its backoff, a conflict without a word", async () => {
  const answers: (() => Outcome)[] = [
    () => again(10),
    () => {
      throw new Error("the disk fell out");
    },
    () => {
      throw new ConflictError("older");
    },
    () => done,
  ];
  let calls = 0;
  const { env, controller, lines, total, create } = await aController(
    async () => answers[calls++]?.() ?? done,
  );
  create("a");
  await settled();
  expect(calls).toBe(1);
  env.clock.advance(9999);
  await settled();
  expect(calls).toBe(1);
  env.clock.advance(1);
  await settled();
  expect(calls).toBe(2);
  env.clock.advance(5);
  await settled();
  expect(calls).toBe(3);
  env.clock.advance(10);
  await settled();
  expect(calls).toBe(4);
  expect(await Promise.all(["requeue_after", "error", "conflict", "success"].map(total))).toEqual([
    1, 1, 1, 1,
  ]);
  const errors = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === "error");
  expect(errors).toMatchObject([
    { kind: "ExampleRun", namespace: "default", name: "a", reconcileID: expect.any(String) },
  ]);
  await controller.stop();
});

test("what is thrown for ten seconds is told once, and again when the problem is another", async () => {
  let problem: string | undefined = "no route\nto the webhook";
  const told: string[] = [];
  const { env, controller, create } = await aController(
    async () => {
      if (problem !== undefined) throw new Error(problem);
      return done;
    },
    async ({ name }, sentence) => {
      told.push(`${name}: ${sentence}`);
    },
  );
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      env.clock.advance(1000);
      await settled();
    }
  };
  create("a");
  await settled();
  await pass(9);
  expect(told).toEqual([]);
  await pass(1);
  expect(told).toEqual(["a: no route to the webhook"]);
  await pass(60);
  expect(told).toHaveLength(1);
  problem = "the quota is used up";
  await pass(60);
  expect(told.slice(1)).toEqual(["a: the quota is used up"]);
  problem = undefined;
  await pass(60);
  problem = "a hiccup";
  controller.enqueue({ namespace: "default", name: "a" });
  await pass(2);
  expect(told).toHaveLength(2);
  await controller.stop();
});

test("an object whose newest spec nobody has acted on goes before those that are looked at once more", async () => {
  const order: string[] = [];
  const release: (() => void)[] = [];
  const { controller, create } = await aController(async ({ name }) => {
    order.push(name);
    if (name.startsWith("busy")) await new Promise<void>((resolve) => release.push(resolve));
    return done;
  });
  for (const name of ["busy-1", "busy-2", "busy-3", "busy-4"]) create(name);
  await settled();
  // As the events of children do.
  for (const name of ["old-1", "old-2"]) controller.enqueue({ namespace: "default", name });
  create("new");
  await settled();
  for (const go of release) go();
  await settled();
  expect(order.slice(4)).toEqual(["new", "old-1", "old-2"]);
  await controller.stop();
});

test("stop waits for the reconcile under way and starts no other", async () => {
  let finish = () => {};
  let calls = 0;
  const { controller, create } = await aController(async () => {
    calls += 1;
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    return done;
  });
  create("a");
  await settled();
  let stopped = false;
  const stopping = controller.stop().then(() => {
    stopped = true;
  });
  create("b");
  await settled();
  expect(stopped).toBe(false);
  finish();
  await stopping;
  expect(calls).toBe(1);
});
