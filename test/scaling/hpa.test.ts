import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { connectKubernetes, type KubernetesCluster } from "../../operator/cluster/kubernetes/index.ts";
import { OperatorProcess, serviceAccountKubeconfig } from "../adapter/operator-process.ts";
import { startCluster, type TestCluster } from "../cluster/cluster.ts";
import { ApiServer } from "../contract/api-server.ts";
import { eventually, given } from "../contract/waiting.ts";
import { Endpoint, guideManifest, installManifest, name } from "./endpoint.ts";
import { PodMetricsApi } from "./pod-metrics-api.ts";

/**
 * The HorizontalPodAutoscaler's own controller and the operator, with the rights that the install manifest gives
 * it, on a real control plane: the guide's manifest follows the load of pods that a stand-in for the node plays.
 */

vi.setConfig({ testTimeout: 180_000 });
const folder = mkdtempSync(join(tmpdir(), "tanren-hpa-"));
let control: TestCluster;
let api: ApiServer;
let cluster: KubernetesCluster;
let operator: OperatorProcess;
let metrics: PodMetricsApi;
let endpoint: Endpoint;

beforeAll(async () => {
  control = await startCluster();
  api = new ApiServer(control.kubeconfig);
  cluster = connectKubernetes({ kubeconfig: { path: control.kubeconfig }, report: () => {} });
  const applied = await control.kubectl(["apply", "--server-side", "-f", installManifest]);
  if (applied.code !== 0) throw new Error(applied.stderr);
  const account = await serviceAccountKubeconfig(control, "tanren-operator");
  operator = new OperatorProcess("operator", folder, account, { leaderElection: { enabled: false } });
  await operator.says("operator started");
  metrics = new PodMetricsApi(api, "tanren_serve_requests_in_flight");
  await metrics.start(control);
  endpoint = await new Endpoint("team-hpa", { control, cluster, api }).open();
}, 30 * 60_000);

afterAll(async () => {
  await endpoint?.close();
  await metrics?.stop();
  await operator?.end();
  await cluster?.stop();
  api?.close();
  await control?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const Autoscaler = z.looseObject({
  status: z.looseObject({
    conditions: z
      .array(z.looseObject({ type: z.string(), status: z.string(), reason: z.string() }))
      .default([]),
  }),
});

async function autoscalerSays(status: string, reason: string): Promise<void> {
  const path = `/apis/autoscaling/v2/namespaces/${endpoint.namespace}/horizontalpodautoscalers/${name}`;
  let last: unknown;
  await eventually(async () => {
    const { conditions } = Autoscaler.parse(await api.send("GET", path)).status;
    last = conditions;
    const active = conditions.find(({ type }) => type === "ScalingActive");
    return active?.status === status && active.reason === reason;
  }, `ScalingActive is ${status}: ${reason}`).catch((cause: unknown) => {
    throw new Error(`${cause}; it has ${JSON.stringify(last)}`);
  });
}

test("replicas follow the load up and down, and no rollout begins", async () => {
  await endpoint.applyWithoutReplicas();
  await endpoint.reaches(1);
  const [first] = await endpoint.pods();
  metrics.load = 2;
  await endpoint.kubectlApply(
    guideManifest("HorizontalPodAutoscaler", [
      ["stabilizationWindowSeconds: 300", "stabilizationWindowSeconds: 0"],
    ]),
  );
  await autoscalerSays("True", "ValidMetricFound");
  metrics.load = 11;
  await endpoint.reaches(3);
  expect((await endpoint.pods()).map(({ metadata }) => metadata.uid)).toContain(given(first).metadata.uid);
  const { metadata } = await endpoint.deployment();
  expect(metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("1");
});

test("the manifest without replicas, applied again in either way, leaves the autoscaler's number", async () => {
  const { generation } = (await endpoint.object()).metadata;
  await endpoint.applyWithoutReplicas();
  await endpoint.applyWithoutReplicas("--server-side", "--force-conflicts");
  const { metadata } = await endpoint.reaches(3);
  expect(metadata.generation).toBe(generation);
});

test("less load takes replicas away again", async () => {
  metrics.load = 1;
  await endpoint.reaches(1);
});

test("at zero the autoscaler rests, and what a person scales up it goes on with", async () => {
  metrics.load = 11;
  await endpoint.kubectl(["scale", "infd", name, "--replicas", "0"]);
  await endpoint.reaches(0);
  await autoscalerSays("False", "ScalingDisabled");
  expect(await endpoint.pods()).toEqual([]);
  await endpoint.kubectl(["scale", "infd", name, "--replicas", "1"]);
  await endpoint.says("False", "Scaling");
  await endpoint.reaches(3);
});

test("the operator has written no field of the spec", async () => {
  const writers = await endpoint.writersOfSpec();
  expect(writers).toContain("kubectl");
  expect(writers.filter((writer) => writer.startsWith("tanren"))).toEqual([]);
});
