import { expect, test } from "vitest";
import { Allowed } from "../api/allowed.ts";
import type { Artifact } from "../api/artifact.ts";
import { NetworkPolicies, PodDefaults } from "../api/configuration.ts";
import { apiVersion, evaluation, inferenceDeployment, pretrainRun } from "../api/kinds.ts";
import { findCondition } from "../cluster/conditions.ts";
import type { Condition, ContainerStatus, Deployment, Pod } from "../cluster/objects.ts";
import {
  claims,
  configMaps,
  deployments,
  events,
  podDisruptionBudgets,
  pods,
  services,
} from "../cluster/resource.ts";
import { kindsByName } from "../engine/references.ts";
import type { KernelResult } from "../kinds/batch-kind.ts";
import { pretrainRunKind } from "../kinds/index.ts";
import { EventRecorder } from "../runtime/events.ts";
import { createLogger } from "../runtime/logger.ts";
import { aClaim, digest, namespace, TestEnv } from "../testing/test-env.ts";
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
    this.declare(spec);
    return this.settle();
  }

  declare(spec: Record<string, unknown>): void {
    this.store.apply(inferenceDeployment.resource, {
      apiVersion,
      kind: "InferenceDeployment",
      metadata: { name: "chat", namespace },
      spec: inferenceDeployment.spec.parse({ model: { pretrainRun: { name: "base" } }, ...spec }),
    });
  }

  look() {
    return this.#reconciler.reconcile({ namespace, name: "chat" }, { logger });
  }

  async settle() {
    await this.look();
    return this.look();
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

  evaluated(modelDigest: string, passed: boolean | undefined): void {
    const thresholds = [{ suite: "squad", metric: "exact_match", atLeast: "0.8" }];
    const object = this.store.apply(evaluation.resource, {
      apiVersion,
      kind: "Evaluation",
      metadata: { name: "exam", namespace },
      spec: evaluation.spec.parse({
        model: { pretrainRun: { name: "base" } },
        suites: [{ name: "squad", task: "jsquad", data: { claimName: "data", path: "q.json" }, shots: 2 }],
        thresholds: passed === undefined ? [] : thresholds,
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
  rollPods(): void {
    for (const pod of this.store.list(pods)) this.store.delete(pods, pod);
    this.addPod();
  }

  /** A pod of the Deployment's template beside those that are there. */
  addPod(container: Partial<ContainerStatus> = {}, conditions: Condition[] = []): Pod {
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
          : conditions,
        containerStatuses: [{ name: "kernel", ready, restartCount: 0, state: {}, ...container }],
      },
    });
  }

  async rolledOut(): Promise<void> {
    this.rollPods();
    const count = this.deployment.spec.replicas;
    await this.counts(count, count);
  }

  /** The Deployment, whose template is rolled out, has so many pods. */
  async counts(replicas: number, availableReplicas: number): Promise<void> {
    const progressing = {
      type: "Progressing",
      status: "True" as const,
      reason: "NewReplicaSetAvailable",
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    this.store.updateStatus(deployments, {
      ...this.deployment,
      status: {
        observedGeneration: this.deployment.metadata.generation ?? 0,
        replicas,
        updatedReplicas: replicas,
        availableReplicas,
        conditions: [progressing],
      },
    });
    await this.settle();
  }

  get status() {
    return this.store.get(inferenceDeployment.resource, namespace, "chat")?.status;
  }

  get ready() {
    return this.condition("Ready");
  }

  condition(type: string) {
    return findCondition(this.status?.conditions, type);
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
  expect(stand.ready).toMatchObject({ status: "False", reason: "InputNotFound" });
  expect(stand.store.list(deployments)).toEqual([]);
  for (const [modelDigest, passed] of [
    [digest("b"), true],
    [digest("a"), false],
  ] as const) {
    stand.evaluated(modelDigest, passed);
    await stand.settle();
    expect(stand.store.list(deployments)).toEqual([]);
  }
  stand.evaluated(digest("a"), undefined);
  await stand.settle();
  expect(stand.ready).toMatchObject({ reason: "EvaluationNotPassed" });
  expect(stand.ready?.message).toContain("has no thresholds");
  expect(stand.store.list(deployments)).toEqual([]);
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
  expect(stand.ready).toMatchObject({ status: "True", reason: "EvaluationNotPassed" });
  expect(stand.condition("ServingPrevious")).toMatchObject({ status: "True", reason: "EvaluationNotPassed" });
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
  const result: KernelResult = {
    reason: "ModelTooLarge",
    message: "inputs/model/model.safetensors needs 3 GiB",
    metrics: {},
  };
  const ended = {
    exitCode: 64,
    reason: "Error",
    message: JSON.stringify(result),
    finishedAt: "2026-01-01T00:00:00Z",
  };
  stand.addPod({
    ready: false,
    state: { waiting: { reason: "CrashLoopBackOff" } },
    lastState: { terminated: ended },
  });
  await stand.settle();
  expect(stand.ready).toMatchObject({ status: "True", reason: "ModelTooLarge" });
  expect(stand.ready?.message).toBe(
    `claim pretrainrun-base, pretrainruns/base-b/model.safetensors needs 3 GiB; ${digest("a")} is still being served`,
  );
  expect(stand.condition("Stalled")).toMatchObject({ status: "True", reason: "ModelTooLarge" });
  expect(stand.status?.served?.digest).toBe(digest("a"));
});

test("Ready says that requests are answered, ServingPrevious by which model, Reconciling that a rollout is under way", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  await stand.apply();
  expect(stand.ready).toMatchObject({ status: "False", reason: "RollingOut" });
  await stand.rolledOut();
  expect(stand.condition("ServingPrevious")).toBeUndefined();
  stand.trained(artifact("b"));
  await stand.settle();
  expect(stand.ready).toMatchObject({ status: "True", reason: "RollingOut" });
  expect(stand.condition("Reconciling")).toMatchObject({ status: "True", reason: "RollingOut" });
  expect(stand.condition("ServingPrevious")).toMatchObject({ status: "True", reason: "RollingOut" });
  await stand.rolledOut();
  expect(stand.ready).toMatchObject({ status: "True", reason: "Available" });
  expect(stand.condition("Reconciling")).toBeUndefined();
  expect(stand.condition("ServingPrevious")).toBeUndefined();
});

test("with Recreate nobody answers in between, and Ready says so", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  const spec = { strategy: { type: "Recreate" } };
  await stand.apply(spec);
  await stand.rolledOut();
  stand.trained(artifact("b"));
  await stand.apply(spec);
  expect(stand.deployment.spec.strategy).toEqual({ type: "Recreate" });
  for (const pod of stand.store.list(pods)) stand.store.delete(pods, pod);
  await stand.settle();
  expect(stand.ready).toMatchObject({ status: "False", reason: "RollingOut" });
  expect(stand.ready?.message).not.toContain("still being served");
  expect(stand.condition("ServingPrevious")).toBeUndefined();
});

const noRoom: Condition = {
  type: "PodScheduled",
  status: "False",
  reason: "Unschedulable",
  message: "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
  lastTransitionTime: "2026-01-01T00:00:00Z",
};

test("a surge pod that no node has room for is named, with the way out; where replicas go first there is none", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  await stand.apply();
  await stand.rolledOut();
  stand.trained(artifact("b"));
  await stand.settle();
  const { metadata } = stand.addPod({ ready: false }, [noRoom]);
  await stand.settle();
  expect(stand.ready).toMatchObject({ status: "True", reason: "SurgeUnschedulable" });
  expect(stand.ready?.message).toContain(`no node has room for pod ${metadata.name}`);
  expect(stand.ready?.message).toContain("1 Insufficient nvidia.com/gpu");
  expect(stand.ready?.message).toContain("spec.strategy.type Recreate");
  const rollingUpdate = { maxSurge: 0, maxUnavailable: 1 };
  await stand.apply({ strategy: { rollingUpdate } });
  expect(stand.deployment.spec.strategy).toEqual({ type: "RollingUpdate", rollingUpdate });
  expect(stand.ready).toMatchObject({ reason: "RollingOut" });
});

test("a replica more that finds no room is no surge", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  await stand.apply();
  await stand.rolledOut();
  const pod = stand.store.list(pods)[0];
  await stand.apply({ replicas: 2 });
  if (pod) stand.store.apply(pods, { ...pod, metadata: { ...pod.metadata, name: "second" } });
  const second = stand.store.get(pods, namespace, "second");
  if (second)
    stand.store.updateStatus(pods, { ...second, status: { phase: "Pending", conditions: [noRoom] } });
  await stand.settle();
  expect(stand.ready).toMatchObject({ status: "True", reason: "Scaling" });
  expect(stand.ready?.message).toContain("Insufficient nvidia.com/gpu");
});

test("several replicas have a PodDisruptionBudget and are spread; a single one has none unless asked for", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  const budgets = () => stand.store.list(podDisruptionBudgets).map(({ spec }) => spec.maxUnavailable);
  await stand.apply();
  const { template } = stand.deployment.spec;
  expect(template.spec.topologySpreadConstraints).toMatchObject([
    { maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "ScheduleAnyway" },
  ]);
  expect(budgets()).toEqual([]);
  await stand.apply({ replicas: 3 });
  expect(budgets()).toEqual([1]);
  // Scaling must not replace the pods that run.
  expect(stand.deployment.spec.template).toEqual(template);
  await stand.apply({ replicas: 3, podDisruptionBudget: { maxUnavailable: 2 } });
  expect(budgets()).toEqual([2]);
  await stand.apply({ replicas: 3, podDisruptionBudget: { enabled: false } });
  expect(budgets()).toEqual([]);
  await stand.apply({ podDisruptionBudget: { enabled: true } });
  expect(budgets()).toEqual([1]);
});

test.each([
  ["a short answer", { contextLength: 64 }, 60],
  ["a long one", { contextLength: 8192 }, 410],
  ["one of hours", { contextLength: 200_000 }, 3600],
  ["a time of one's own", { contextLength: 8192, terminationGracePeriodSeconds: 30 }, 30],
])("a pod that goes has time for %s", async (_title, spec, seconds) => {
  const stand = new Stand();
  stand.store.apply(claims, aClaim("imports"));
  await stand.apply({ model: { directory: { claimName: "imports", path: "llama" } }, ...spec });
  const { template, progressDeadlineSeconds } = stand.deployment.spec;
  expect(template.spec.terminationGracePeriodSeconds).toBe(seconds);
  expect(template.spec.containers[0]?.env).toContainEqual({
    name: "TANREN_GRACE_SECONDS",
    value: String(seconds),
  });
  expect(progressDeadlineSeconds).toBeGreaterThan(seconds);
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

test("shares of replicas are the Deployment's and the budget's business, and one that comes to none lets nobody go", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  const rollingUpdate = { maxSurge: "50%", maxUnavailable: "25%" };
  await stand.apply({
    replicas: 3,
    strategy: { rollingUpdate },
    podDisruptionBudget: { maxUnavailable: "34%" },
  });
  expect(stand.deployment.spec.strategy).toEqual({ type: "RollingUpdate", rollingUpdate });
  expect(stand.store.list(podDisruptionBudgets).map(({ spec }) => spec.maxUnavailable)).toEqual(["34%"]);
  // A quarter of three replicas is none that may be missing: the rollout needs room for one pod more.
  await stand.rolledOut();
  for (const name of ["second", "third"]) {
    const [pod] = stand.store.list(pods);
    if (pod) stand.store.apply(pods, { ...pod, metadata: { ...pod.metadata, name } });
  }
  stand.trained(artifact("b"));
  await stand.settle();
  stand.addPod({ ready: false }, [noRoom]);
  await stand.settle();
  expect(stand.ready).toMatchObject({ reason: "SurgeUnschedulable" });
});

test("while the number of replicas changes, the endpoint scales and is neither rolled out nor complete", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  await stand.apply();
  expect(stand.ready?.reason).toBe("RollingOut");
  await stand.rolledOut();
  const { template } = stand.deployment.spec;
  // At the very look that scales the Deployment, before its controller has seen it, and after.
  stand.declare({ replicas: 3 });
  for (const _ of ["first", "second"]) {
    await stand.look();
    expect(stand.ready).toMatchObject({ status: "True", reason: "Scaling" });
  }
  expect(stand.ready).toMatchObject({ status: "True", reason: "Scaling" });
  expect(stand.ready?.message).toContain("1 of 3 replicas are ready");
  await stand.counts(3, 1);
  expect(stand.ready).toMatchObject({ status: "True", reason: "Scaling" });
  await stand.counts(3, 3);
  expect(stand.ready).toMatchObject({ status: "True", reason: "Available" });
  await stand.apply({ replicas: 1 });
  expect(stand.ready).toMatchObject({ status: "True", reason: "Scaling", message: "2 of 3 replicas go" });
  await stand.counts(1, 1);
  expect(stand.ready?.reason).toBe("Available");
  expect(stand.deployment.spec.template).toEqual(template);
  expect(stand.status?.served?.digest).toBe(digest("a"));
});

test("what has been woken is ready once a replica is, and an endpoint at zero keeps its model and its gate", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  stand.evaluated(digest("a"), true);
  const requires = [{ name: "exam" }];
  await stand.apply({ requires });
  await stand.rolledOut();
  await stand.apply({ requires, replicas: 0 });
  for (const pod of stand.store.list(pods)) stand.store.delete(pods, pod);
  await stand.counts(0, 0);
  expect(stand.ready).toMatchObject({ status: "True", reason: "ScaledToZero" });
  expect(stand.condition("Reconciling")).toBeUndefined();
  expect(stand.status).toMatchObject({ replicas: 0, readyReplicas: 0, served: { digest: digest("a") } });

  stand.declare({ requires, replicas: 1 });
  await stand.look();
  expect(stand.ready).toMatchObject({ status: "False", reason: "Scaling" });
  await stand.look();
  const waking = stand.addPod({ ready: false });
  await stand.counts(1, 0);
  expect(stand.ready).toMatchObject({ status: "False", reason: "Scaling" });
  expect(stand.ready?.message).toContain("0 of 1 replicas are ready");
  stand.store.delete(pods, waking);
  stand.addPod();
  await stand.counts(1, 1);
  expect(stand.ready).toMatchObject({ status: "True", reason: "Available" });
});

test("a gate that closes at zero leaves the number to whoever scales", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  stand.evaluated(digest("a"), true);
  const requires = [{ name: "exam" }];
  await stand.apply({ requires, replicas: 0 });
  await stand.counts(0, 0);
  stand.evaluated(digest("b"), true);
  stand.trained(artifact("b"));
  stand.evaluated(digest("a"), true);
  await stand.apply({ requires, replicas: 2 });
  expect(stand.ready).toMatchObject({ status: "False", reason: "EvaluationNotPassed" });
  expect(stand.deployment.spec.replicas).toBe(2);
  expect(stand.deployment.spec.template.metadata.annotations).toMatchObject({
    "tanren.dev/artifact-digest": digest("a"),
  });
});

test("scaled to zero is a wish fulfilled", async () => {
  const stand = new Stand();
  stand.trained(artifact("a"));
  await stand.apply({ replicas: 0 });
  await stand.rolledOut();
  expect(stand.ready).toMatchObject({ status: "True", reason: "ScaledToZero" });
});

test("an imported directory waits for its claim, and is served without a digest, as long as it is by itself", async () => {
  const stand = new Stand();
  const model = { directory: { claimName: "imports", path: "llama" } };
  await stand.apply({ model });
  expect(stand.ready).toMatchObject({ reason: "InputNotFound" });
  stand.store.apply(claims, aClaim("imports"));
  await stand.settle();
  const [configMap] = stand.store.list(configMaps);
  expect(JSON.parse(configMap?.data["config.json"] ?? "")).not.toHaveProperty("context_length");
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
