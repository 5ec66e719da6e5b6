import { expect, test } from "vitest";
import { findCondition, isTrue } from "../../operator/cluster/conditions.ts";
import type { Job, PodFailurePolicyRule } from "../../operator/cluster/objects.ts";
import { jobs, pods } from "../../operator/cluster/resource.ts";
import { overEveryAdapter } from "./every-adapter.ts";
import { aJob, containerName } from "./objects.ts";
import { eventually, figures, given, isOver, podsOf, running, until, untilJob } from "./waiting.ts";

const onExit = (action: PodFailurePolicyRule["action"], ...values: number[]): PodFailurePolicyRule => ({
  action,
  onExitCodes: { containerName, operator: "In", values },
});
const onDisruption = (action: PodFailurePolicyRule["action"]): PodFailurePolicyRule => ({
  action,
  onPodConditions: [{ type: "DisruptionTarget", status: "True" }],
});
const failed = ({ status }: Job) => isTrue(status?.conditions, "Failed");
const complete = ({ status }: Job) => isTrue(status?.conditions, "Complete");

overEveryAdapter("Pod failure policies", (world) => {
  test("an exit code that fails the Job does so whatever the back-off limit", async () => {
    const { cluster } = world();
    const spec = {
      completions: 2,
      backoffLimit: 6,
      podFailurePolicy: { rules: [onExit("FailJob", 64, 86)] },
    };
    await cluster.apply(jobs, aJob(world(), "wrong", spec));
    const own = await running(world(), "wrong", 2);
    const bad = given(own[1]);
    await world().finishPod(bad, 64, "bad data");
    const job = await untilJob(world(), "wrong", failed);
    const message = `Container ${containerName} for pod ${world().namespace}/${bad.metadata.name} failed with exit code 64 matching FailJob rule at index 0`;
    for (const type of ["FailureTarget", "Failed"])
      expect(findCondition(job.status?.conditions, type)).toMatchObject({
        reason: "PodFailurePolicy",
        message,
      });
    expect(figures(job)).toMatchObject({ active: 0, terminating: 0, failed: 2 });
  });

  test("an exit code that no rule names counts as a failure", async () => {
    const { cluster } = world();
    await cluster.apply(
      jobs,
      aJob(world(), "other", { podFailurePolicy: { rules: [onExit("FailJob", 64)] } }),
    );
    const [pod] = await running(world(), "other", 1);
    await world().finishPod(given(pod), 75);
    const job = await untilJob(world(), "other", failed);
    expect(findCondition(job.status?.conditions, "Failed")?.reason).toBe("BackoffLimitExceeded");
  });

  test("NotIn never speaks of success, and the first rule that fits decides", async () => {
    const { cluster } = world();
    const rules: PodFailurePolicyRule[] = [
      onExit("Count", 75),
      { action: "FailJob", onExitCodes: { operator: "NotIn", values: [1] } },
    ];
    await cluster.apply(jobs, aJob(world(), "ordered", { completions: 2, podFailurePolicy: { rules } }));
    const own = await running(world(), "ordered", 2);
    await world().finishPod(given(own[0]), 0);
    await untilJob(world(), "ordered", (job) => figures(job).succeeded === 1);
    await world().finishPod(given(own[1]), 75);
    const job = await untilJob(world(), "ordered", failed);
    expect(findCondition(job.status?.conditions, "Failed")?.reason).toBe("BackoffLimitExceeded");
    expect(figures(job)).toMatchObject({ succeeded: 1, failed: 1, completedIndexes: "0" });
  });

  test("a disrupted pod that is to be ignored is replaced and does not count", async () => {
    const { cluster } = world();
    await cluster.apply(
      jobs,
      aJob(world(), "drained", { podFailurePolicy: { rules: [onDisruption("Ignore")] } }),
    );
    const [first] = await running(world(), "drained", 1);
    await world().disruptPod(given(first));
    const [second] = await running(world(), "drained", 1);
    expect(given(second).metadata.uid).not.toBe(given(first).metadata.uid);
    await world().finishPod(given(second), 0);
    const job = await untilJob(world(), "drained", complete);
    expect(figures(job)).toMatchObject({ succeeded: 1, failed: 0 });
  });

  test("a pod that is being deleted is replaced only when it has ended", async () => {
    const { cluster } = world();
    await cluster.apply(jobs, aJob(world(), "patient", { backoffLimit: 1 }));
    const [first] = (await running(world(), "patient", 1)).map(given);
    await world().holdPod(given(first));
    await cluster.delete(pods, given(first));
    await untilJob(world(), "patient", (job) => figures(job).terminating === 1 && figures(job).active === 0);
    const leaving = await until(
      world(),
      pods,
      given(first).metadata.name,
      ({ metadata }) => metadata.deletionTimestamp,
    );
    expect(isOver(leaving)).toBe(false);
    expect(await podsOf(world(), "patient")).toHaveLength(1);
    await world().finishPod(leaving, 143);
    const second = await eventually(async () => {
      const [next] = await podsOf(world(), "patient");
      return next?.metadata.uid !== leaving.metadata.uid && next?.status?.phase === "Running" && next;
    }, "the pod is replaced");
    await world().finishPod(second, 0);
    const job = await untilJob(world(), "patient", complete);
    expect(figures(job)).toMatchObject({ succeeded: 1, failed: 1, terminating: 0 });
  });
});
