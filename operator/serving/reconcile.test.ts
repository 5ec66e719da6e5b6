import { expect, test } from "vitest";
import { Allowed } from "../api/allowed.ts";
import type { Artifact } from "../api/artifact.ts";
import { NetworkPolicies, PodDefaults } from "../api/configuration.ts";
import { apiVersion, evaluation, inferenceDeployment, pretrainRun } from "../api/kinds.ts";
import type { ContainerStatus, Deployment, Pod } from "../cluster/objects.ts";
import { configMaps, deployments, events, pods, services } from "../cluster/resource.ts";
import { kindsByName } from "../engine/references.ts";
import type { KernelResult } from "../kinds/batch-kind.ts";
import { pretrainRunKind } from "../kinds/index.ts";
import { EventRecorder } from "../runtime/events.ts";
import { createLogger } from "../runtime/logger.ts";
import { digest, namespace, TestEnv } from "../testing/test-env.ts";
import { reconcileServing } from "./reconcile.ts";

const logger = createLogger({ level: "silent" });

const artifact = (digit: string): Artifact => ({
  type: "model",
  stage: "train",
  claimName: "pretrainrun-base",
  path: `pretrainruns/base-${digit}`,
  digest: digest(digit),
  sizeBytes: 1000,
  parents: [],
  contextLength: 256,
  parameters: 1000,
  vocabularySize: 100,
});

/**
 * A base model that has succeeded, served as the spec says, and a hand that plays the Deployment controller.
 */
class Stand extends TestEnv {
  readonly #reconciler = reconcileServing({
    cluster: this.cluster,
    kinds: kindsByName([pretrainRunKind]),
    podDefaults: PodDefaults.parse({ image: "kernels:test" }),
    allowed: Allowed.parse({}),
    networkPolicies: NetworkPolicies.parse({}),
    clock: this.clock,
    logger,
    recorder: new EventRecorder({ cluster: this.cluster, clock: this.clock, logger, instance: "test" }),
  });

  async apply(spec: Record<string, unknown> = {}) {
    this.store.apply(inferenceDeployment.resource, {
      apiVersion,
      kind: "InferenceDeployment",
      metadata: { name: "chat", namespace },
      spec: inferenceDeployment.spec.parse({ model: { pretrainRun: { name: "base" } }, ...spec }),
    });
    return this.settle();
  }

  async settle() {
    await this.#reconciler.reconcile({ namespace, name: "chat" }, { logger });
    return this.#reconciler.reconcile({ namespace, name: "chat" }, { logger });
  }

  /** The base model has this artifact. */
  trained(made: Artifact): void {
    const run = this.store.apply(pretrainRun.resource, {
      apiVersion,
      kind: "PretrainRun",
      metadata: { name: "base", namespace },
      spec: pretrainRun.spec.parse({
        corpus: { name: "texts" },
        model: { preset: "llama-tiny" },
        sequenceLength: 256,
        training: { tokens: 1024, globalBatchTokens: 256, learningRate: "1e-3" },
      }),
    });
    const time = "2026-01-01T00:00:00Z";
    const conditions = [
      {
        type: "Succeeded",
        status: "True" as const,
        reason: "Completed",
        message: "",
        lastTransitionTime: time,
      },
    ];
    this.store.updateStatus(pretrainRun.resource, { ...run, status: { conditions, artifact: made } });
  }

  evaluated(modelDigest: string, passed: boolean): void {
    const object = this.store.apply(evaluation.resource, {
      apiVersion,
      kind: "Evaluation",
      metadata: { name: "exam", namespace },
      spec: evaluation.spec.parse({
        model: { pretrainRun: { name: "base" } },
        suites: [{ name: "squad", task: "jsquad", data: { claimName: "data", path: "q.json" }, shots: 2 }],
      }),
    });
    this.store.updateStatus(evaluation.resource, { ...object, status: { modelDigest, passed } });
  }

  get deployment(): Deployment {
    const found = this.store.get(deployments, namespace, "chat");
    if (found === undefined) throw new Error("there is no Deployment");
    return found;
  }

  /** One pod of the Deployment's template in place of all there were. */
  rollPods(container: Partial<ContainerStatus> = {}): Pod {
    for (const pod of this.store.list(pods)) this.store.delete(pods, pod);
    const { template } = this.deployment.spec;
    const name = `chat-${template.metadata.labels["tanren.dev/config"]}`;
    const pod = this.store.apply(pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace, labels: template.metadata.labels },
      spec: template.spec,
    });
    const ready = container.ready ?? true;
    return this.store.updateStatus(pods, {
      ...pod,
      status: {
        phase: "Running",
        conditions: ready
          ? [
              {
                type: "Ready",
                status: "True",
                reason: "",
                message: "",
                lastTransitionTime: "2026-01-01T00:00:00Z",
              },
            ]
          : [],
        containerStatuses: [{ name: "kernel", ready, restartCount: 0, state: {}, ...container }],
      },
    });
  }

  async rolledOut(): Promise<void> {
    this.rollPods();
    const { metadata, spec } = this.deployment;
    const count = spec.replicas;
    this.store.updateStatus(deployments, {
      ...this.deployment,
      status: {
        observedGeneration: metadata.generation ?? 0,
        replicas: count,
        updatedReplicas: count,
        availableReplicas: count,
      },
    });
    await this.settle();
  }

  get status() {
    return this.store.get(inferenceDeployment.resource, namespace, "chat")?.status;
  }

  get ready() {
    return this.status?.conditions?.find(({ type }) => type === "Ready");
  }
}

test("a Secret that has not opted in is never mounted, and what is served stays as it is", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  await stand.apply({ auth: { secretName: "database" } });
  expect(stand.ready).toMatchObject({ status: "False", reason: "NotAllowed" });
  expect(stand.store.list(deployments)).toEqual([]);
  await stand.apply();
  const { spec } = stand.deployment;
  await stand.apply({ auth: { secretName: "database" }, replicas: 3 });
  expect(stand.ready).toMatchObject({ status: "False", reason: "NotAllowed" });
  expect(stand.deployment.spec).toEqual(spec);
});

test("a model is served: Deployment, Service, and a ConfigMap that the program accepts", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  await stand.apply({ port: 8080, auth: { secretName: "tanren-keys" } });
  expect(stand.deployment.spec.strategy).toEqual({
    type: "RollingUpdate",
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 },
  });
  const [configMap] = stand.store.list(configMaps);
  expect(JSON.parse(configMap?.data["config.json"] ?? "")).toMatchObject({
    model: { path: "inputs/model", digest: digest("a") },
    context_length: 256,
    port: 8000,
    api_keys: "keys",
  });
  const { template } = stand.deployment.spec;
  expect(template.metadata.annotations?.["tanren.dev/artifact-digest"]).toBe(digest("a"));
  expect(template.spec.volumes).toContainEqual({ name: "keys", secret: { secretName: "tanren-keys" } });
  expect(stand.store.get(services, namespace, "chat")?.spec.ports).toEqual([
    { name: "http", port: 8080, targetPort: 8000 },
  ]);
  expect(stand.ready).toMatchObject({ status: "False", reason: "RollingOut" });
  expect(stand.status?.rollingOut?.digest).toBe(digest("a"));
  await stand.rolledOut();
  expect(stand.ready).toMatchObject({ status: "True", reason: "Available" });
  expect(stand.status).toMatchObject({
    served: { digest: digest("a") },
    readyReplicas: 1,
    url: "http://chat.default.svc:8080",
  });
  expect(stand.status?.rollingOut).toBeUndefined();
  expect(stand.store.list(events).map(({ reason }) => reason)).toEqual(
    expect.arrayContaining(["RollingOut", "Available"]),
  );
});

test("nothing is written when nothing has changed", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  await stand.apply();
  await stand.rolledOut();
  const versions = () => [...stand.store.everything()].map(({ object }) => object.metadata.resourceVersion);
  const before = versions();
  await stand.settle();
  expect(versions()).toEqual(before);
});

test("a new artifact is rolled out; the old one counts as served until that is complete, then its ConfigMap goes", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  await stand.apply();
  await stand.rolledOut();
  stand.trained(artifact("b"));
  await stand.settle();
  expect(stand.status).toMatchObject({
    served: { digest: digest("a") },
    rollingOut: { digest: digest("b") },
    readyReplicas: 0,
  });
  expect(stand.store.list(configMaps)).toHaveLength(2);
  await stand.rolledOut();
  expect(stand.status?.served?.digest).toBe(digest("b"));
  expect(stand.store.list(configMaps)).toHaveLength(1);
});

test("the gate stays closed until the Evaluation has passed for this very artifact", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  await stand.apply({ requires: [{ name: "exam" }] });
  expect(stand.ready).toMatchObject({ status: "False", reason: "EvaluationNotPassed" });
  expect(stand.store.list(deployments)).toEqual([]);
  for (const [modelDigest, passed] of [
    [digest("b"), true],
    [digest("a"), false],
  ] as const) {
    stand.evaluated(modelDigest, passed);
    await stand.settle();
    expect(stand.store.list(deployments)).toEqual([]);
  }
  stand.evaluated(digest("a"), true);
  await stand.settle();
  await stand.rolledOut();
  expect(stand.ready?.reason).toBe("Available");
});

test("behind a closed gate the artifact served so far is still being served, and scales", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  stand.evaluated(digest("a"), true);
  await stand.apply({ requires: [{ name: "exam" }] });
  await stand.rolledOut();
  stand.trained(artifact("b"));
  await stand.apply({ requires: [{ name: "exam" }], replicas: 3 });
  expect(stand.ready).toMatchObject({ status: "False", reason: "EvaluationNotPassed" });
  expect(stand.ready?.message).toContain(`${digest("a")} is still being served`);
  expect(stand.deployment.spec.replicas).toBe(3);
  expect(stand.deployment.spec.template.metadata.annotations?.["tanren.dev/artifact-digest"]).toBe(
    digest("a"),
  );
  expect(stand.status?.served?.digest).toBe(digest("a"));
});

test("a program that ends tells why, and what was served stays", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  await stand.apply();
  await stand.rolledOut();
  stand.trained(artifact("b"));
  await stand.settle();
  const result: KernelResult = { reason: "ModelTooLarge", message: "the model needs 3 GiB", metrics: {} };
  const ended = {
    exitCode: 64,
    reason: "Error",
    message: JSON.stringify(result),
    finishedAt: "2026-01-01T00:00:00Z",
  };
  stand.rollPods({
    ready: false,
    state: { waiting: { reason: "CrashLoopBackOff" } },
    lastState: { terminated: ended },
  });
  await stand.settle();
  expect(stand.ready).toMatchObject({ status: "False", reason: "ModelTooLarge" });
  expect(stand.ready?.message).toBe(`the model needs 3 GiB; ${digest("a")} is still being served`);
  expect(stand.status?.served?.digest).toBe(digest("a"));
});

test("a rollout that does not get ready in time has failed", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  await stand.apply();
  const condition = {
    type: "Progressing",
    status: "False",
    reason: "ProgressDeadlineExceeded",
    message: "too long",
  } as const;
  stand.store.updateStatus(deployments, {
    ...stand.deployment,
    status: {
      observedGeneration: 1,
      conditions: [{ ...condition, lastTransitionTime: "2026-01-01T00:00:00Z" }],
    },
  });
  await stand.settle();
  expect(stand.ready).toMatchObject({ status: "False", reason: "RolloutFailed" });
  expect(stand.status?.conditions?.find(({ type }) => type === "Stalled")?.status).toBe("True");
});

test("the address comes from the load balancer, and so does a port that is taken", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  await stand.apply({ port: 9000 });
  const tell = (error?: string) => {
    const service = stand.store.get(services, namespace, "chat");
    if (service === undefined) throw new Error("there is no Service");
    const ports = [{ port: 9000, protocol: "TCP" as const, ...(error !== undefined && { error }) }];
    stand.store.updateStatus(services, {
      ...service,
      status: { loadBalancer: { ingress: [{ ip: "127.0.0.1", ports }] } },
    });
  };
  tell("PortInUse");
  await stand.settle();
  expect(stand.ready).toMatchObject({ status: "False", reason: "PortInUse" });
  tell();
  await stand.rolledOut();
  expect(stand.ready?.reason).toBe("Available");
  expect(stand.status?.url).toBe("http://127.0.0.1:9000");
});

test("scaled to zero is a wish fulfilled", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  await stand.apply({ replicas: 0 });
  await stand.rolledOut();
  expect(stand.ready).toMatchObject({ status: "True", reason: "ScaledToZero" });
});

test("an imported directory needs a context length, and then is served without a digest", async () => {
  const stand = new Stand();
  const model = { directory: { claimName: "imports", path: "llama" } };
  await stand.apply({ model });
  expect(stand.ready).toMatchObject({ reason: "InvalidSpec" });
  await stand.apply({ model, contextLength: 128 });
  const mounts = stand.deployment.spec.template.spec.containers[0]?.volumeMounts;
  expect(mounts).toContainEqual({
    name: "claim-0",
    mountPath: "/tanren/inputs/model",
    subPath: "llama",
    readOnly: true,
  });
  await stand.rolledOut();
  expect(stand.ready?.reason).toBe("Available");
});
