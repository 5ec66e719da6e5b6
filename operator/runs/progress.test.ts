import { expect, test } from "vitest";
import type { KernelProgress } from "../kinds/batch-kind.ts";
import {
  anExampleRun,
  engineOn,
  exampleRuns,
  readExample,
  reconcileExample,
  settle,
} from "../testing/example-runs.ts";
import { TestEnv } from "../testing/test-env.ts";
import { finalProgress, leaderPod, stageResult, updatedProgress } from "./progress.ts";

const said: KernelProgress = {
  stage: "train",
  step: 150,
  total: 200,
  unit: "step",
  metrics: { loss: 3.25 },
  since: "2026-01-01T00:00:00Z",
  updated: "2026-01-01T00:00:50Z",
  resumed_from_step: 100,
};
const place = { stage: "train", index: 1, count: 4 };
const now = new Date("2026-01-01T00:01:00Z");

test("the time left goes by the steps of this process, not by those of the attempt it went on from", () => {
  expect(updatedProgress(undefined, said, place, now)).toMatchObject({
    percent: "43%",
    eta: "50s",
    step: 150,
  });
});

test("an unknown total has no share and no time left", () => {
  expect(updatedProgress(undefined, { ...said, total: 0 }, place, now)).toMatchObject({
    percent: "25%",
    eta: "",
  });
});

test("the checkpoint a restart would go on from is not forgotten when the program does not repeat it", () => {
  const first = updatedProgress(undefined, { ...said, checkpoint_step: 120 }, place, now);
  expect(updatedProgress(first, said, place, now).checkpointStep).toBe(120);
});

test("the last word has the final figures beside those only the running program told", () => {
  const before = updatedProgress(
    undefined,
    { ...said, metrics: { loss: 3.25, tokens_per_second: 7 } },
    place,
    now,
  );
  expect(finalProgress(before, place, { loss: 2, held_out_loss: 2.5 })).toMatchObject({
    percent: "50%",
    step: 200,
    metrics: [
      { name: "held_out_loss", value: "2.5" },
      { name: "loss", value: "2" },
      { name: "tokens_per_second", value: "7" },
    ],
  });
});

test("a forecast that nobody would believe is none", () => {
  const slow = { ...said, total: Number.MAX_SAFE_INTEGER };
  expect(updatedProgress(undefined, slow, place, now).eta).toBe("");
  expect(updatedProgress(undefined, { ...said, total: 10 }, place, now)).toMatchObject({
    eta: "",
    percent: "50%",
  });
});

test("the last word has at most as many figures as a program may say", () => {
  const figures = (name: string) =>
    Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`${name}${n}`, n]));
  const before = updatedProgress(undefined, { ...said, metrics: figures("a") }, place, now);
  const { metrics } = finalProgress(before, place, figures("b"));
  expect(metrics.map(({ name }) => name[0])).toEqual(Array.from({ length: 64 }, () => "b"));
});

test("a sum over pods that each name reasons of their own is bounded like any", () => {
  const funnelOf = (pod: number) =>
    Array.from({ length: 4 }, (_, row) => ({
      step: `rules${pod}-${row}`,
      language: "ja" as const,
      documents_in: 20,
      documents_out: 10,
      bytes_in: 2,
      bytes_out: 1,
      dropped: Object.fromEntries(
        Array.from({ length: 10 }, (_, n) => [`${"reason".repeat(10)}${pod}-${n}`, 1]),
      ),
    }));
  const resultOf = (pod: number) => ({
    reason: "Completed" as const,
    message: "done",
    metrics: {},
    funnel: funnelOf(pod),
  });
  const others = Array.from({ length: 500 }, (_, pod) => resultOf(pod + 1));
  const sum = stageResult([resultOf(0), ...others], "independent");
  expect(JSON.stringify(sum).length).toBeLessThan(65_536);
  expect(sum.funnel?.[1]?.dropped).toEqual({ other: 10 });
});

test("only the Job's own pod is asked, at an address of its own", async () => {
  const env = new TestEnv();
  let uid = "of-another-run";
  const engine = engineOn(env, env.cluster, () => ({ ...said, uid }));
  env.store.apply(exampleRuns, anExampleRun());
  await settle(env, engine);
  const [job] = env.openJobs();
  const [pod] = job ? env.startPods(job) : [];
  if (job === undefined || pod === undefined) throw new Error("the run has no pod");
  expect(leaderPod([job], [pod])).toBe(pod);
  // What has the node's address shares it with everything there; an owner that is no controller anybody names.
  const owners = pod.metadata.ownerReferences?.map((owner) => ({ ...owner, controller: false }));
  expect(leaderPod([job], [{ ...pod, spec: { ...pod.spec, hostNetwork: true } }])).toBeUndefined();
  expect(
    leaderPod([job], [{ ...pod, metadata: { ...pod.metadata, ownerReferences: owners } }]),
  ).toBeUndefined();

  await reconcileExample(engine);
  expect(readExample(env).status?.progress?.step).toBe(0);
  uid = readExample(env).metadata.uid;
  await reconcileExample(engine);
  expect(readExample(env).status?.progress?.step).toBe(150);
});
