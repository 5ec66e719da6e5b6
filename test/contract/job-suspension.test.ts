import { expect, test } from "vitest";
import { findCondition, isTrue } from "../../operator/cluster/conditions.ts";
import type { Job } from "../../operator/cluster/objects.ts";
import { InvalidError } from "../../operator/cluster/port.ts";
import { jobs, pods } from "../../operator/cluster/resource.ts";
import { overEveryAdapter } from "./every-adapter.ts";
import { aJob, restated } from "./objects.ts";
import { eventually, figures, given, podsOf, running, until, untilGone, untilJob } from "./waiting.ts";

const suspended = ({ status }: Job) => isTrue(status?.conditions, "Suspended");
const complete = ({ status }: Job) => isTrue(status?.conditions, "Complete");

overEveryAdapter("Jobs that are stopped", (world) => {
  test("a Job that is born suspended has no pods, and starts when it is stated as read with suspend false", async () => {
    const { cluster } = world();
    await cluster.apply(jobs, aJob(world(), "queued", { suspend: true }));
    const waiting = await untilJob(world(), "queued", suspended);
    expect(findCondition(waiting.status?.conditions, "Suspended")?.reason).toBe("JobSuspended");
    expect(waiting.status?.startTime).toBeUndefined();
    expect(await podsOf(world(), "queued")).toEqual([]);
    const resumed = await cluster.apply(jobs, restated(waiting, false));
    expect(resumed.metadata.generation).toBe((waiting.metadata.generation ?? 0) + 1);
    expect({ ...resumed.spec, suspend: true }).toEqual(waiting.spec);
    const [pod] = await running(world(), "queued", 1);
    const started = await untilJob(world(), "queued", (job) => job.status?.startTime);
    expect(findCondition(started.status?.conditions, "Suspended")).toMatchObject({
      status: "False",
      reason: "JobResumed",
    });
    await world().finishPod(given(pod), 0);
    await untilJob(world(), "queued", complete);
  });

  test("a running Job is stopped as it was read: pods end in their own time, count as nothing, and come anew", async () => {
    const { cluster } = world();
    await cluster.apply(jobs, aJob(world(), "paused", { completions: 2 }));
    const [first, second] = await running(world(), "paused", 2);
    await world().finishPod(given(first), 0);
    const before = await untilJob(world(), "paused", (job) => figures(job).succeeded === 1);
    await world().holdPod(given(second));
    await cluster.apply(jobs, restated(before, true));
    const stopping = await untilJob(
      world(),
      "paused",
      (job) => suspended(job) && figures(job).terminating === 1,
    );
    expect(figures(stopping)).toMatchObject({ active: 0, succeeded: 1, failed: 0 });
    // To let it go on while a pod still ends makes no second pod of that index.
    await cluster.apply(jobs, restated(stopping, false));
    await untilJob(world(), "paused", (job) => !suspended(job));
    expect((await podsOf(world(), "paused")).map(({ metadata }) => metadata.uid)).toEqual([
      given(first).metadata.uid,
      given(second).metadata.uid,
    ]);
    await world().finishPod(given(second), 143);
    const [again] = await running(world(), "paused", 1);
    expect(given(again).metadata.uid).not.toBe(given(second).metadata.uid);
    await world().finishPod(given(again), 0);
    const done = await untilJob(world(), "paused", complete);
    expect(figures(done)).toMatchObject({ succeeded: 2, failed: 0, terminating: 0, completedIndexes: "0,1" });
  });

  test("to state a Job as it was read makes no other Job of it, and said again changes nothing", async () => {
    const { cluster } = world();
    await cluster.apply(jobs, aJob(world(), "same", { suspend: true }));
    const read = await untilJob(world(), "same", suspended);
    const stated = await cluster.apply(jobs, restated(read, true));
    // Whose the fields are may have changed with it, and so resourceVersion.
    const { resourceVersion } = stated.metadata;
    expect(stated).toEqual({ ...read, metadata: { ...read.metadata, resourceVersion } });
    expect((await cluster.apply(jobs, restated(stated, true))).metadata).toEqual(stated.metadata);
  });

  test("what a Job is made of cannot change, and the refusal names every field", async () => {
    const { cluster } = world();
    const job = aJob(world(), "fixed", { suspend: true });
    await cluster.apply(jobs, job);
    const refused = async (change: Partial<Job["spec"]>) => {
      const error = await cluster
        .apply(jobs, { ...job, spec: { ...job.spec, ...change } })
        .catch((thrown) => thrown);
      expect(error).toBeInstanceOf(InvalidError);
      return (error as InvalidError).causes.map(({ field }) => field);
    };
    expect(await refused({ completions: 2 })).toEqual(["spec.completions"]);
    expect(await refused({ podFailurePolicy: { rules: [] } })).toEqual(["spec.podFailurePolicy"]);
    const other = aJob(world(), "fixed", {}, { graceSeconds: 31 }).spec.template;
    expect(await refused({ template: other })).toEqual([expect.stringMatching(/^spec\.template/)]);
  });

  test("deleting a Job takes its pods along, each in its grace period", async () => {
    const { cluster, namespace } = world();
    const job = await cluster.apply(jobs, aJob(world(), "dropped", { completions: 2 }));
    const [first, second] = await running(world(), "dropped", 2);
    await world().holdPod(given(second));
    await cluster.delete(jobs, job);
    await untilGone(world(), jobs, "dropped");
    await untilGone(world(), pods, given(first).metadata.name);
    const name = given(second).metadata.name;
    const leaving = await until(world(), pods, name, ({ metadata }) => metadata.deletionTimestamp);
    const grace = Date.parse(leaving.metadata.deletionTimestamp ?? "") - Date.now();
    expect(grace).toBeGreaterThan(5_000);
    expect(grace).toBeLessThan(31_000);
    await world().finishPod(leaving, 143);
    await untilGone(world(), pods, name);
    expect(await cluster.list(pods, { namespace, labels: { "tanren.dev/uid": "dropped" } })).toEqual([]);
  });

  test("a Job that has ended leaves its pods until it is deleted", async () => {
    const { cluster } = world();
    const job = await cluster.apply(jobs, aJob(world(), "ended"));
    const [pod] = await running(world(), "ended", 1);
    await world().finishPod(given(pod), 0);
    await untilJob(world(), "ended", complete);
    expect(await podsOf(world(), "ended")).toHaveLength(1);
    await cluster.delete(jobs, job);
    await eventually(async () => (await podsOf(world(), "ended")).length === 0, "the pods are gone");
  });
});
