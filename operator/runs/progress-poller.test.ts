import { expect, test } from "vitest";
import type { Pod } from "../cluster/objects.ts";
import type { KernelProgress } from "../kinds/batch-kind.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { ProgressPoller } from "./progress-poller.ts";

const run = { kind: "PretrainRun", namespace: "team", name: "base" };
const said = (step: number): KernelProgress => ({
  stage: "train",
  step,
  total: 200,
  unit: "step",
  metrics: {},
  since: "2026-01-01T00:00:00Z",
  updated: "2026-01-01T00:00:01Z",
});
const aPod = (uid: string, podIP = `10.0.0.${uid}`) => ({ metadata: { uid }, status: { podIP } }) as Pod;
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A poller whose pods answer when the test says so. */
function aPoller() {
  const clock = new FakeClock();
  const asked: { podIP: string; answer: (progress: KernelProgress | undefined) => void }[] = [];
  const woken: string[] = [];
  const poller = new ProgressPoller({
    ask: (podIP) => new Promise((answer) => asked.push({ podIP, answer })),
    seconds: 10,
    clock,
    wake: ({ name }) => woken.push(name),
  });
  const answer = async (progress: KernelProgress | undefined) => {
    asked.shift()?.answer(progress);
    await settled();
  };
  return { clock, asked, woken, poller, answer };
}

test("a look waits for nobody; the answer wakes the run, which then finds it as often as it looks", async () => {
  const { poller, woken, answer } = aPoller();
  expect(poller.look(run, aPod("1"))).toBeUndefined();
  await answer(said(1));
  expect(woken).toEqual(["base"]);
  expect(poller.look(run, aPod("1"))).toEqual(said(1));
  expect(poller.look(run, aPod("1"))).toEqual(said(1));
});

test("a pod is asked once in the pause, and not while it has not answered", async () => {
  const { clock, poller, asked, answer } = aPoller();
  for (let look = 0; look < 3; look++) poller.look(run, aPod("1"));
  poller.look(run, aPod("2"));
  expect(asked.map(({ podIP }) => podIP)).toEqual(["10.0.0.1", "10.0.0.2"]);
  clock.advance(10_000);
  poller.look(run, aPod("1"));
  expect(asked).toHaveLength(2);
  await answer(undefined);
  poller.look(run, aPod("1"));
  expect(asked.map(({ podIP }) => podIP)).toEqual(["10.0.0.2", "10.0.0.1"]);
});

test("an answer that says nothing new, or none, wakes nobody, and the last word stands", async () => {
  const { clock, poller, woken, answer } = aPoller();
  for (const progress of [said(1), said(1), undefined]) {
    poller.look(run, aPod("1"));
    await answer(progress);
    clock.advance(10_000);
  }
  expect(woken).toEqual(["base"]);
  expect(poller.look(run, aPod("1"))).toEqual(said(1));
});

test("what one pod said is not taken for the word of the next with its address", async () => {
  const { poller, answer } = aPoller();
  poller.look(run, aPod("1", "10.0.0.9"));
  await answer(said(7));
  expect(poller.look(run, aPod("2", "10.0.0.9"))).toBeUndefined();
});

test("pods that do not answer hold up nobody but those asked beyond 64 at once, for their time", async () => {
  const { poller, asked, answer } = aPoller();
  for (let pod = 0; pod < 100; pod++) poller.look(run, aPod(String(pod)));
  expect(asked).toHaveLength(64);
  await answer(undefined);
  poller.look(run, aPod("99"));
  expect(asked.at(-1)?.podIP).toBe("10.0.0.99");
});
