import { expect, test } from "vitest";
import { findCondition, isTrue } from "../../operator/cluster/conditions.ts";
import type { Job } from "../../operator/cluster/objects.ts";
import { jobs, pods } from "../../operator/cluster/resource.ts";
import { overEveryAdapter } from "./every-adapter.ts";
import { aJob, containerName } from "./objects.ts";
import { eventually, figures, given, isOver, podsOf, running, until, untilJob } from "./waiting.ts";

overEveryAdapter("Jobs that go well", (world) => {
  test("every index runs once, as many at a time as parallelism allows, and the Job completes", async () => {
    const { cluster } = world();
    await cluster.apply(jobs, aJob(world(), "three", { completions: 3, parallelism: 2 }));
    const first = await running(world(), "three", 2);
    await untilJob(world(), "three", (job) => figures(job).active === 2 && figures(job).ready === 2);
    await world().finishPod(given(first[1]), 0);
    const midway = await untilJob(world(), "three", (job) => figures(job).succeeded === 1);
    expect(figures(midway).completedIndexes).toBe("1");
    for (const pod of await running(world(), "three", 2)) await world().finishPod(pod, 0);
    const done = await untilJob(world(), "three", isComplete);
    expect(figures(done)).toEqual({
      ...{ active: 0, ready: 0, terminating: 0, succeeded: 3, failed: 0 },
      ...{ completedIndexes: "0-2", failedIndexes: "" },
    });
    expect(findCondition(done.status?.conditions, "Complete")?.reason).toBe("CompletionsReached");
    expect(isTrue(done.status?.conditions, "SuccessCriteriaMet")).toBe(true);
    const { startTime = "", completionTime = "" } = done.status ?? {};
    expect(Date.parse(completionTime)).toBeGreaterThanOrEqual(Date.parse(startTime));
    // What has ended stays to be read.
    expect((await podsOf(world(), "three")).map(({ status }) => status?.phase)).toEqual(
      Array(3).fill("Succeeded"),
    );
  });

  test("a pod bears the template's labels, its Job's name and its index, and the program is told the index", async () => {
    const { cluster } = world();
    const env = [{ name: "MASTER_PORT", value: "29400" }];
    const job = await cluster.apply(jobs, aJob(world(), "named", { completions: 2 }, { env }));
    const found = await running(world(), "named", 2);
    for (const [index, { metadata, spec }] of found.entries()) {
      expect(metadata.name).toMatch(new RegExp(`^named-${index}-[a-z0-9]{5}$`));
      expect(spec.hostname).toBe(`named-${index}`);
      expect(metadata.labels).toMatchObject({
        "tanren.dev/uid": "named",
        "batch.kubernetes.io/job-name": "named",
        "batch.kubernetes.io/controller-uid": job.metadata.uid,
        "batch.kubernetes.io/job-completion-index": String(index),
      });
      expect(metadata.annotations).toMatchObject({
        "batch.kubernetes.io/job-completion-index": String(index),
      });
      expect(metadata.ownerReferences).toEqual([
        expect.objectContaining({ kind: "Job", name: "named", uid: job.metadata.uid, controller: true }),
      ]);
    }
    const environments = await Promise.all(found.map((pod) => world().environmentOf(pod)));
    expect(environments.map(({ JOB_COMPLETION_INDEX }) => JOB_COMPLETION_INDEX)).toEqual(["0", "1"]);
    for (const [index, environment] of environments.entries()) {
      expect(environment).toMatchObject({ MASTER_PORT: "29400", POD_IP: found[index]?.status?.podIP });
    }
  });

  test("what a program says as it ends stands in its pod's status, with its exit code", async () => {
    const { cluster } = world();
    await cluster.apply(jobs, aJob(world(), "speaks"));
    const [pod] = await running(world(), "speaks", 1);
    const message = JSON.stringify({ reason: "Completed", message: "終わり" });
    await world().finishPod(given(pod), 0, message);
    const ended = await until(world(), pods, given(pod).metadata.name, isOver);
    const status = ended.status?.containerStatuses?.find(({ name }) => name === containerName);
    expect(status?.state.terminated).toMatchObject({ exitCode: 0, reason: "Completed", message });
    expect(Number.isNaN(Date.parse(status?.state.terminated?.finishedAt ?? ""))).toBe(false);
  });

  test("a watcher sees the Job's figures rise and its last word come last", async () => {
    const { cluster, namespace } = world();
    const seen: Job[] = [];
    const watch = cluster.watch(
      jobs,
      { namespace, labels: { "tanren.dev/uid": "watched" } },
      ({ object }) => {
        seen.push(object);
      },
    );
    await watch.synced;
    await cluster.apply(jobs, aJob(world(), "watched", { completions: 2 }));
    for (const pod of await running(world(), "watched", 2)) await world().finishPod(pod, 0);
    await eventually(async () => seen.some(isComplete), "the watcher has seen the Job complete");
    watch.close();
    const told = seen.map(({ status }) => (status?.conditions ?? []).map(({ type }) => type));
    const decided = told.findIndex((types) => types.includes("SuccessCriteriaMet"));
    expect(decided).toBeGreaterThanOrEqual(0);
    expect(decided).toBeLessThanOrEqual(told.findIndex((types) => types.includes("Complete")));
    const succeeded = seen.map((job) => figures(job).succeeded);
    expect(succeeded).toEqual(succeeded.toSorted((a, b) => a - b));
  });

  test("fewer may run at a time from now on", async () => {
    const { cluster } = world();
    const job = (parallelism: number) => aJob(world(), "narrowed", { completions: 3, parallelism });
    await cluster.apply(jobs, job(3));
    await running(world(), "narrowed", 3);
    await cluster.apply(jobs, job(1));
    const [left] = await running(world(), "narrowed", 1);
    const narrowed = await untilJob(world(), "narrowed", (now) => figures(now).active === 1);
    expect(figures(narrowed).failed).toBe(0);
    await world().finishPod(given(left), 0);
    await untilJob(world(), "narrowed", (now) => figures(now).succeeded === 1);
  });

  test("a pod that no node can take says so in the scheduler's words", async () => {
    const { cluster } = world();
    const amounts = { cpu: "10m", "nvidia.com/gpu": "1" };
    await cluster.apply(jobs, aJob(world(), "gpu", {}, { amounts }));
    await cluster.apply(jobs, aJob(world(), "claimless", {}, { claimName: "absent" }));
    const refusalOf = (job: string) =>
      eventually(async () => {
        const [pod] = await podsOf(world(), job);
        const scheduled = findCondition(pod?.status?.conditions, "PodScheduled");
        return pod?.status?.phase === "Pending" && scheduled?.status === "False" && scheduled;
      }, `the pod of ${job} is refused`);
    expect(await refusalOf("gpu")).toMatchObject({
      reason: "Unschedulable",
      message: expect.stringContaining("Insufficient nvidia.com/gpu"),
    });
    expect(await refusalOf("claimless")).toMatchObject({
      reason: "Unschedulable",
      message: expect.stringContaining('persistentvolumeclaim "absent" not found'),
    });
  });
});

const isComplete = ({ status }: Job) => isTrue(status?.conditions, "Complete");
