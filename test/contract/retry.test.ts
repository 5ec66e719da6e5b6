import { expect, test } from "vitest";
import { type AlignmentRun, alignmentRun } from "../../operator/api/kinds.ts";
import type { Pod } from "../../operator/cluster/objects.ts";
import { claims, pods } from "../../operator/cluster/resource.ts";
import type { KernelProgress, KernelResult } from "../../operator/kinds/batch-kind.ts";
import { batchKinds } from "../../operator/kinds/index.ts";
import { startOperator } from "../../operator/operator.ts";
import { createLogger } from "../../operator/runtime/logger.ts";
import { changed } from "../../operator/testing/samples.ts";
import { overEveryAdapter } from "./every-adapter.ts";
import { eventually, isRunning, until } from "./waiting.ts";
import type { World } from "./world.ts";

/** A failed run is begun again, whatever serves its objects and runs its pods. */

const name = "taught";
const { apiVersion, kind } = alignmentRun.resource;

const progress: KernelProgress = {
  stage: "chat",
  step: 9,
  total: 100,
  unit: "step",
  metrics: {},
  since: "2026-01-01T00:00:00Z",
  updated: "2026-01-01T00:00:01Z",
  checkpoint_step: 7,
};
const refusal: KernelResult = {
  reason: "InvalidData",
  message: "talks.jsonl line 3 is no JSON.",
  metrics: {},
};
const model: KernelResult = {
  reason: "Completed",
  message: "done",
  metrics: { loss: 1 },
  artifact: { path: "output/chat", type: "model", digest: `sha256:${"a".repeat(64)}`, size_bytes: 1 },
};

/** What a person applies. */
function applyRun(world: World, changes: Record<string, unknown>): Promise<void> {
  const imported = { "model.pretrainRun": undefined, "model.directory": { claimName: "files" } };
  const spec = changed("AlignmentRun", { ...imported, "storage.claimName": "files", ...changes });
  const metadata = { name, namespace: world.namespace };
  return world.applyAsPerson(alignmentRun.resource, { apiVersion, kind, metadata, spec });
}

const untilRun = (world: World, test: (status: NonNullable<AlignmentRun["status"]>) => unknown) =>
  until(world, alignmentRun.resource, name, ({ status = {} }) => test(status));

/** The pod of that attempt, once it runs. */
function podOf({ cluster, namespace }: World, attempt: number): Promise<Pod> {
  return eventually(async () => {
    const labels = { "tanren.dev/name": name, "tanren.dev/attempt": String(attempt) };
    return (await cluster.list(pods, { namespace, labels })).find(isRunning);
  }, `the pod of attempt ${attempt} runs`);
}

const dataOf = (pod: Pod) =>
  pod.spec.containers[0]?.volumeMounts.find(({ mountPath }) => mountPath.endsWith("/chat-talks"))?.subPath;

overEveryAdapter("spec.retry", (world) => {
  test("begins at the newest checkpoint, with the deadline and the data that the spec names now", async () => {
    const { cluster, namespace } = world();
    await cluster.apply(claims, {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "files", namespace },
      spec: { accessModes: ["ReadWriteMany"], resources: { requests: { storage: "1Gi" } } },
    });
    const operator = await startOperator({
      cluster,
      namespace,
      kinds: batchKinds,
      askProgress: async () => progress,
      progressSeconds: 0.2,
      logger: createLogger({ level: "silent" }),
    });
    try {
      await applyRun(world(), { activeDeadlineSeconds: 3600 });
      await podOf(world(), 1);
      await untilRun(world(), (status) => status.progress?.checkpointStep === 7);
      await applyRun(world(), { activeDeadlineSeconds: 1 });
      await untilRun(world(), ({ completionTime }) => completionTime !== undefined);

      await applyRun(world(), { activeDeadlineSeconds: 3600, retry: 1 });
      const second = await podOf(world(), 2);
      expect(dataOf(second)).toBe("talks.jsonl");
      await world().finishPod(second, 64, JSON.stringify(refusal));
      await untilRun(world(), ({ completionTime }) => completionTime !== undefined);

      const mended = { "chat.datasets": [{ name: "talks", claimName: "files", path: "mended.jsonl" }] };
      await applyRun(world(), { activeDeadlineSeconds: 3600, retry: 2, ...mended });
      const third = await podOf(world(), 3);
      expect(dataOf(third)).toBe("mended.jsonl");
      await world().finishPod(third, 0, JSON.stringify(model));
      const { status } = await untilRun(world(), ({ artifact }) => artifact !== undefined);
      expect(status).toMatchObject({
        observedRetry: 2,
        restarts: 0,
        stages: [{ name: "chat", state: "Succeeded" }],
        attempts: [
          { number: 1, reason: "DeadlineExceeded", retried: true },
          { number: 2, reason: "InvalidData", retried: true, resumedFromStep: 7 },
          { number: 3, reason: "StageCompleted", resumedFromStep: 7 },
        ],
      });
    } finally {
      await operator.stop();
    }
  });
});
