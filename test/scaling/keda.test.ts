import { mkdtempSync, rmSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { connectKubernetes, type KubernetesCluster } from "../../operator/cluster/kubernetes/index.ts";
import { podDisruptionBudgets } from "../../operator/cluster/resource.ts";
import { servingPort } from "../../operator/serving/objects.ts";
import { OperatorProcess, serviceAccountKubeconfig } from "../adapter/operator-process.ts";
import { startCluster, type TestCluster } from "../cluster/cluster.ts";
import { freePort } from "../cluster/free-port.ts";
import { ApiServer } from "../contract/api-server.ts";
import { eventually, given } from "../contract/waiting.ts";
import { Endpoint, guideManifest, installManifest, name } from "./endpoint.ts";
import { KedaProcess } from "./keda-process.ts";
import { MetricServer } from "./metric-server.ts";

/**
 * KEDA, the HorizontalPodAutoscaler's controller and the operator, all real, on a control plane: the guide's
 * ScaledObject. A stand-in for the node plays the pods, which have one address, so that one page of metrics
 * speaks for all of them.
 */

vi.setConfig({ testTimeout: 180_000 });
const folder = mkdtempSync(join(tmpdir(), "tanren-keda-"));
let control: TestCluster;
let api: ApiServer;
let cluster: KubernetesCluster;
let operator: OperatorProcess;
let keda: KedaProcess;
let endpoint: Endpoint;
let replicas: MetricServer;
let gateway: MetricServer;

/** No EndpointSlice takes an address of the loopback interface. */
function ownAddress(): string {
  const found = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === "IPv4" && !one.internal);
  if (found === undefined)
    throw new Error("this machine has no IPv4 address besides the loopback interface's");
  return found.address;
}

beforeAll(async () => {
  control = await startCluster();
  api = new ApiServer(control.kubeconfig);
  cluster = connectKubernetes({ kubeconfig: { path: control.kubeconfig }, report: () => {} });
  keda = await KedaProcess.start(control, api);
  const applied = await control.kubectl(["apply", "--server-side", "-f", installManifest]);
  if (applied.code !== 0) throw new Error(applied.stderr);
  const account = await serviceAccountKubeconfig(control, "tanren-operator");
  operator = new OperatorProcess("operator", folder, account, { leaderElection: { enabled: false } });
  await operator.says("operator started");
  const podIP = ownAddress();
  replicas = await MetricServer.start("tanren_serve_requests_in_flight", servingPort, podIP);
  const port = await freePort();
  gateway = await MetricServer.start(`gateway_requests_waiting{model="${name}"}`, port, "127.0.0.1");
  endpoint = await new Endpoint("team-keda", { control, cluster, api, podIP }).open();
  await endpoint.applyWithoutReplicas();
  await endpoint.reaches(1);
  const scaledObject = guideManifest("ScaledObject", [
    ["http://assistant.default.svc:", `http://${name}.${endpoint.namespace}.svc:`],
    ["http://gateway.default.svc:9000/", `http://127.0.0.1:${port}/`],
    ["pollingInterval: 5", "pollingInterval: 1"],
    ["cooldownPeriod: 600", "cooldownPeriod: 2"],
    ["stabilizationWindowSeconds: 300", "stabilizationWindowSeconds: 0"],
  ]);
  await endpoint.kubectlApply(scaledObject);
}, 60 * 60_000);

afterAll(async () => {
  await endpoint?.close();
  await replicas?.stop();
  await gateway?.stop();
  await operator?.end();
  await keda?.stop();
  await cluster?.stop();
  api?.close();
  await control?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

test("an idle endpoint goes to zero, which is a good state that no alert sees", async () => {
  const { status } = await endpoint.reaches(0);
  expect(await endpoint.pods()).toEqual([]);
  expect(status?.conditions?.map(({ type }) => type)).toEqual(["Ready"]);
  expect(await cluster.list(podDisruptionBudgets, { namespace: endpoint.namespace })).toEqual([]);
  await eventually(async () => {
    const { text } = await operator.ask("/metrics");
    return /^tanren_endpoint_replicas\{.*name="assistant".*\} 0$/m.test(text);
  }, "the operator's metrics ask for no replica");
});

test("work that waits at the gateway wakes it, and the status says how far it is", async () => {
  gateway.value = 1;
  await endpoint.says("False", "Scaling");
  await endpoint.reaches(1);
  expect((await endpoint.pods()).length).toBe(1);
});

test("the load of the pods themselves brings more of them, and no rollout begins", async () => {
  const [first] = await endpoint.pods();
  replicas.value = 11;
  gateway.value = 0;
  await endpoint.reaches(3);
  expect((await endpoint.pods()).map(({ metadata }) => metadata.uid)).toContain(given(first).metadata.uid);
  const { metadata } = await endpoint.deployment();
  expect(metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("1");
});

test("the manifest without replicas, applied again, leaves KEDA's number", async () => {
  const { generation } = (await endpoint.object()).metadata;
  await endpoint.applyWithoutReplicas();
  await endpoint.applyWithoutReplicas("--server-side", "--force-conflicts");
  const { metadata } = await endpoint.reaches(3);
  expect(metadata.generation).toBe(generation);
});

test("without load all of them go", async () => {
  replicas.value = 0;
  await endpoint.reaches(0);
});

test("a person wakes it by KEDA's own annotation, and lets it go again", async () => {
  await endpoint.kubectl(["annotate", "scaledobject", name, "autoscaling.keda.sh/force-activation=true"]);
  await endpoint.reaches(1);
  await endpoint.kubectl(["annotate", "scaledobject", name, "autoscaling.keda.sh/force-activation-"]);
  await endpoint.reaches(0);
});

test("the operator has written no field of the spec", async () => {
  const writers = await endpoint.writersOfSpec();
  expect(writers).toContain("kubectl");
  expect(writers.filter((writer) => writer.startsWith("tanren"))).toEqual([]);
});
