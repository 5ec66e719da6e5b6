import { afterAll, beforeAll, expect, test } from "vitest";
import type { Corpus, InferenceDeployment } from "../../operator/api/kinds.ts";
import { deployments, jobs, pods } from "../../operator/cluster/resource.ts";
import { batchKinds } from "../../operator/kinds/index.ts";
import { type Operator, startOperator } from "../../operator/operator.ts";
import { createLogger } from "../../operator/runtime/logger.ts";
import { changed } from "../../operator/testing/samples.ts";
import { anObject, kindOf, useServer } from "./server.ts";

/** The operator's own check, on an API server that no policy was added to. */

const server = useServer();
let operator: Operator;
beforeAll(async () => {
  operator = await startOperator({
    cluster: server().cluster,
    kinds: batchKinds,
    namespace: server().namespace,
    logger: createLogger({ level: "silent" }),
  });
});
afterAll(() => operator?.stop());

const conditionsOf = async (kind: string) => {
  const { resource } = kindOf(kind);
  const object = await server().cluster.get(resource, server().namespace, "borrowed");
  return (object as Corpus | InferenceDeployment | undefined)?.status?.conditions;
};

test.each([
  ["Corpus", { "compute.priorityClassName": "system-node-critical" }, "Succeeded", /system-node-critical/],
  ["InferenceDeployment", { "auth.secretName": "database" }, "Ready", /"database" is not allowed/],
  ["Evaluation", { "compute.labels": { app: "shop" } }, "Succeeded", /spec\.compute\.labels.*"app"/],
  ["PretrainRun", { "compute.env": [{ name: "PYTHONPATH", value: "/x" }] }, "Succeeded", /"PYTHONPATH"/],
] as const)("a %s with %j says so and gets no pod", async (kind, changes, type, message) => {
  const { cluster, namespace } = server();
  await cluster.apply(kindOf(kind).resource, anObject(server(), kind, "borrowed", changed(kind, changes)));
  await expect
    .poll(() => conditionsOf(kind), { timeout: 20_000 })
    .toContainEqual(
      expect.objectContaining({
        type,
        status: "False",
        reason: "NotAllowed",
        message: expect.stringMatching(message),
      }),
    );
  const made = [
    ...(await cluster.list(jobs, { namespace })),
    ...(await cluster.list(deployments, { namespace })),
    ...(await cluster.list(pods, { namespace })),
  ];
  expect(made).toEqual([]);
});
