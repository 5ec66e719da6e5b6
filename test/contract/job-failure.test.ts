import { expect, test } from "vitest";
import { findCondition, isTrue } from "../../operator/cluster/conditions.ts";
import type { Job, Pod } from "../../operator/cluster/objects.ts";
import { jobs, pods } from "../../operator/cluster/resource.ts";
import { overEveryAdapter } from "./every-adapter.ts";
import { aJob } from "./objects.ts";
import { eventually, figures, given, isOver, podsLeft, podsOf, running, until, untilJob } from "./waiting.ts";

const failed = ({ status }: Job) => isTrue(status?.conditions, "Failed");
const reasonOf = (job: Job, type = "Failed") => findCondition(job.status?.conditions, type)?.reason;
const endOf = ({ status }: Pod) =>
  Date.parse(status?.containerStatuses?.[0]?.state.terminated?.finishedAt ?? "not ended");

overEveryAdapter("Jobs that fail", (world) => {
  test("without a back-off limit one failure ends all, and every pod that ran counts as failed", async () => {
    const { cluster } = world();
    await cluster.apply(jobs, aJob(world(), "gang", { completions: 2 }));
    const [first] = await running(world(), "gang", 2);
    await world().finishPod(given(first), 1, "why");
    const job = await untilJob(world(), "gang", failed);
    expect(findCondition(job.status?.conditions, "Failed")).toMatchObject({
      reason: "BackoffLimitExceeded",
      message: "Job has reached the specified backoff limit",
    });
    expect(reasonOf(job, "FailureTarget")).toBe("BackoffLimitExceeded");
    expect(job.status?.completionTime).toBeUndefined();
    expect(figures(job)).toMatchObject({ active: 0, ready: 0, terminating: 0, succeeded: 0, failed: 2 });
    // The one that failed stays to be read; the one that was stopped is gone.
    const left = await podsLeft(() => podsOf(world(), "gang"), 1);
    expect(left.map(({ metadata }) => metadata.uid)).toEqual([given(first).metadata.uid]);
    expect(left[0]?.status?.containerStatuses?.[0]?.state.terminated).toMatchObject({
      exitCode: 1,
      message: "why",
    });
  });

  test("that a Job fails is said at once, that it has failed only when its last pod has ended", async () => {
    const { cluster } = world();
    await cluster.apply(jobs, aJob(world(), "lingers", { completions: 2 }));
    const [first, second] = (await running(world(), "lingers", 2)).map(given) as [Pod, Pod];
    await world().holdPod(second);
    await world().finishPod(first, 1);
    const failing = await untilJob(world(), "lingers", (job) =>
      isTrue(job.status?.conditions, "FailureTarget"),
    );
    expect(failed(failing)).toBe(false);
    await untilJob(world(), "lingers", (job) => figures(job).terminating === 1 && figures(job).active === 0);
    const late = await until(
      world(),
      pods,
      second.metadata.name,
      ({ metadata }) => metadata.deletionTimestamp,
    );
    expect(isOver(late)).toBe(false);
    await world().finishPod(late, 143);
    const job = await untilJob(world(), "lingers", failed);
    expect(figures(job)).toMatchObject({ active: 0, terminating: 0, failed: 2 });
  });

  test("a failed pod within the limit is replaced after ten seconds, and the Job may yet succeed", async () => {
    const { cluster } = world();
    await cluster.apply(jobs, aJob(world(), "again", { backoffLimit: 1 }));
    const [first] = await running(world(), "again", 1);
    await world().finishPod(given(first), 1);
    const [second] = await running(world(), "again", 1);
    const broken = given((await podsOf(world(), "again"))[0]);
    const waited = Date.parse(given(second).metadata.creationTimestamp) - endOf(broken);
    // Times are cut to whole seconds.
    expect(waited).toBeGreaterThan(8_500);
    expect(waited).toBeLessThan(15_000);
    await world().finishPod(given(second), 0);
    const job = await untilJob(world(), "again", (now) => isTrue(now.status?.conditions, "Complete"));
    expect(figures(job)).toMatchObject({ succeeded: 1, failed: 1, completedIndexes: "0" });
  });

  test("failures by index: others go on, the lost index is named, and the Job fails in the end", async () => {
    const { cluster } = world();
    await cluster.apply(jobs, aJob(world(), "indexed", { completions: 4, backoffLimitPerIndex: 0 }));
    const own = await running(world(), "indexed", 4);
    await world().finishPod(given(own[1]), 1);
    const midway = await untilJob(world(), "indexed", (job) => figures(job).failedIndexes !== "");
    expect(figures(midway)).toMatchObject({ active: 3, failedIndexes: "1" });
    for (const index of [0, 2, 3]) await world().finishPod(given(own[index]), 0);
    const job = await untilJob(world(), "indexed", failed);
    expect(figures(job)).toMatchObject({
      succeeded: 3,
      failed: 1,
      completedIndexes: "0,2,3",
      failedIndexes: "1",
    });
    expect(reasonOf(job)).toBe("FailedIndexes");
  });

  test("failures by index: each has a limit and a back-off of its own", async () => {
    const { cluster } = world();
    await cluster.apply(jobs, aJob(world(), "eachtwice", { completions: 2, backoffLimitPerIndex: 1 }));
    const [first, other] = await running(world(), "eachtwice", 2);
    await world().finishPod(given(first), 1);
    await eventually(
      async () => (await podsOf(world(), "eachtwice")).length === 3,
      "index 0 has a second pod",
    );
    const [again, same] = await running(world(), "eachtwice", 2);
    expect(same?.metadata.uid).toBe(other?.metadata.uid);
    expect(given(again).metadata.annotations).toMatchObject({
      "batch.kubernetes.io/job-index-failure-count": "1",
    });
    await world().finishPod(given(again), 0);
    await world().finishPod(given(other), 0);
    const job = await untilJob(world(), "eachtwice", (now) => isTrue(now.status?.conditions, "Complete"));
    expect(figures(job)).toMatchObject({
      succeeded: 2,
      failed: 1,
      completedIndexes: "0,1",
      failedIndexes: "",
    });
  });

  test("failures by index: more than maxFailedIndexes end the others", async () => {
    const { cluster } = world();
    const spec = { completions: 3, backoffLimitPerIndex: 0, maxFailedIndexes: 1 };
    await cluster.apply(jobs, aJob(world(), "toomany", spec));
    const own = await running(world(), "toomany", 3);
    await world().finishPod(given(own[0]), 1);
    await untilJob(world(), "toomany", (job) => figures(job).failedIndexes === "0");
    await world().finishPod(given(own[2]), 1);
    const job = await untilJob(world(), "toomany", failed);
    expect(reasonOf(job)).toBe("MaxFailedIndexesExceeded");
    expect(figures(job)).toMatchObject({ active: 0, terminating: 0, failed: 3, failedIndexes: "0,2" });
  });

  test("activeDeadlineSeconds ends what still runs", async () => {
    const { cluster } = world();
    await cluster.apply(jobs, aJob(world(), "late", { completions: 2, activeDeadlineSeconds: 4 }));
    await running(world(), "late", 2);
    const job = await untilJob(world(), "late", failed);
    expect(findCondition(job.status?.conditions, "Failed")).toMatchObject({
      reason: "DeadlineExceeded",
      message: "Job was active longer than specified deadline",
    });
    expect(figures(job)).toMatchObject({ active: 0, failed: 2 });
    expect(await podsLeft(() => podsOf(world(), "late"), 0)).toEqual([]);
  });
});
