import { Registry } from "prom-client";
import { expect, test } from "vitest";
import type { KubernetesObject } from "../cluster/objects.ts";
import { ObjectMetrics } from "./object-metrics.ts";

const metadata = (name: string, labels?: Record<string, string>) => ({
  namespace: "team-a",
  name,
  uid: name,
  resourceVersion: "1",
  creationTimestamp: "2026-01-01T00:00:00Z",
  labels,
});

const pretrainRun = (name: string, spec: object, status?: object) =>
  ({
    apiVersion: "tanren.dev/v1alpha1",
    kind: "PretrainRun",
    metadata: metadata(name),
    spec,
    status,
  }) as KubernetesObject;

const condition = (type: string, status: string, reason: string) => ({ type, status, reason, message: "" });

function started() {
  const registry = new Registry();
  const metrics = new ObjectMetrics(registry);
  const told = async () =>
    (await registry.metrics())
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .toSorted();
  return { metrics, told };
}

const base = 'kind="PretrainRun",namespace="team-a",name="base"';
const chat = 'kind="InferenceDeployment",namespace="team-a",name="chat"';

test("a run's conditions have a series each, which follows their status and reason and goes with the run", async () => {
  const { metrics, told } = started();
  const storage = { storage: { size: "1Gi" } };
  const running = [condition("Ready", "False", "Running"), condition("Reconciling", "True", "Running")];
  metrics.observe({ type: "ADDED", object: pretrainRun("base", storage, { conditions: running }) });
  expect(await told()).toEqual([
    `tanren_object_status_condition{${base},type="Ready",status="False",reason="Running"} 1`,
    `tanren_object_status_condition{${base},type="Reconciling",status="True",reason="Running"} 1`,
    `tanren_run_claim_info{${base},persistentvolumeclaim="pretrainrun-base"} 1`,
  ]);
  const failed = {
    conditions: [condition("Ready", "False", "OutOfMemory"), condition("Stalled", "True", "OutOfMemory")],
    completionTime: "2026-01-01T00:01:40Z",
    disruptionsInARow: 2,
  };
  const object = pretrainRun("base", storage, failed);
  metrics.observe({ type: "MODIFIED", object });
  expect(await told()).toEqual([
    `tanren_object_status_condition{${base},type="Ready",status="False",reason="OutOfMemory"} 1`,
    `tanren_object_status_condition{${base},type="Stalled",status="True",reason="OutOfMemory"} 1`,
    `tanren_run_completion_time{${base}} ${Date.UTC(2026, 0, 1, 0, 1, 40) / 1000}`,
    `tanren_run_disruptions_in_a_row{${base}} 2`,
  ]);
  metrics.observe({ type: "DELETED", object });
  expect(await told()).toEqual([]);
});

test("a run that names a claim is told to write there, one that nobody has looked at has no condition", async () => {
  const { metrics, told } = started();
  metrics.observe({ type: "ADDED", object: pretrainRun("base", { storage: { claimName: "shared" } }) });
  expect(await told()).toEqual([`tanren_run_claim_info{${base},persistentvolumeclaim="shared"} 1`]);
});

test("an endpoint has the replicas it asks for, and those that serve once it has a Deployment", async () => {
  const { metrics, told } = started();
  const endpoint = {
    apiVersion: "tanren.dev/v1alpha1",
    kind: "InferenceDeployment",
    metadata: metadata("chat"),
    spec: { replicas: 2 },
  } as KubernetesObject;
  metrics.observe({ type: "ADDED", object: endpoint });
  const wanted = `tanren_endpoint_replicas{${chat}} 2`;
  expect(await told()).toEqual([wanted]);
  const labels = { "tanren.dev/kind": "InferenceDeployment", "tanren.dev/name": "chat" };
  const deployment = (availableReplicas?: number) => ({
    metadata: metadata("inferencedeployment-chat", labels),
    status: { availableReplicas },
  });
  metrics.observeDeployment({ type: "ADDED", object: deployment() });
  expect(await told()).toEqual([`tanren_endpoint_replicas_available{${chat}} 0`, wanted]);
  metrics.observeDeployment({ type: "MODIFIED", object: deployment(1) });
  expect(await told()).toEqual([`tanren_endpoint_replicas_available{${chat}} 1`, wanted]);
  metrics.observe({ type: "DELETED", object: endpoint });
  expect(await told()).toEqual([]);
});
