import { expect, test } from "vitest";
import { PodDefaults } from "../api/configuration.ts";
import { podGroups } from "../cluster/resource.ts";
import { attemptName, dnsLabel, labels } from "../engine/names.ts";
import { RunSpec } from "../kinds/batch-kind.ts";
import { anExampleRun, exampleRuns } from "../testing/example-runs.ts";
import { aStage, exampleKind, TestEnv } from "../testing/test-env.ts";
import { queueLabel, workloadPriorityLabel } from "./queueing.ts";
import { storageOf } from "./scope.ts";
import { attemptObjects } from "./stage-objects.ts";

function rendered(
  stage: Parameters<typeof aStage>[0] = {},
  spec: Record<string, unknown> = {},
  podDefaults: unknown = { image: "kernels:1" },
  podGroupResource?: (typeof podGroups)[number],
) {
  const run = new TestEnv().store.apply(exampleRuns, anExampleRun(spec));
  const common = RunSpec.parse(run.spec);
  const storage = storageOf(exampleKind.definition, run, common);
  return attemptObjects({
    run,
    spec: common,
    storage,
    stage: aStage(stage),
    attempt: 3,
    config: { seed: 1 },
    podDefaults: PodDefaults.parse(podDefaults),
    podGroupResource,
  });
}

test("a pod meets the restricted Pod Security Standard and gets no API token", () => {
  const { spec } = rendered().job.spec.template;
  expect(spec).toMatchObject({
    automountServiceAccountToken: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65_532,
      fsGroup: 65_532,
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [
      {
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        },
      },
    ],
  });
});

test("asked to stop, pods have the time of the save under way and of another", () => {
  const grace = (stage: Parameters<typeof aStage>[0]) =>
    rendered(stage).job.spec.template.spec.terminationGracePeriodSeconds;
  expect(grace({})).toBe(120);
  expect(grace({ saveSeconds: 200 })).toBe(520);
});

test("inputs are mounted read-only, one volume per claim, and a claim's root without subPath", () => {
  const mounts = [
    { name: "model", claimName: "models", path: "base/a" },
    { name: "all", claimName: "models", path: "." },
    { name: "own", claimName: "examplerun-demo", path: "x" },
  ];
  const { spec } = rendered({ mounts }).job.spec.template;
  expect(spec.volumes.flatMap((volume) => volume.persistentVolumeClaim?.claimName ?? [])).toEqual([
    "examplerun-demo",
    "models",
  ]);
  expect(spec.containers[0]?.volumeMounts).toEqual(
    expect.arrayContaining([
      { name: "claim-1", mountPath: "/tanren/inputs/model", subPath: "base/a", readOnly: true },
      { name: "claim-1", mountPath: "/tanren/inputs/all", readOnly: true },
      { name: "claim-0", mountPath: "/tanren/inputs/own", subPath: "x", readOnly: true },
      {
        name: "claim-0",
        mountPath: "/tanren/output",
        subPath: expect.stringMatching(/^exampleruns\/demo-[0-9a-f]{8}$/),
      },
    ]),
  );
});

test("where the scheduler places gangs, several pods of one wait for each other in a PodGroup", () => {
  const [newest] = podGroups;
  const compute = { priorityClassName: "batch" };
  const { job, podGroup } = rendered({ pods: 4 }, { compute }, undefined, newest);
  expect(podGroup).toMatchObject({
    apiVersion: "scheduling.k8s.io/v1",
    metadata: {
      name: "examplerun-demo-build-3",
      labels: job.metadata.labels,
      ownerReferences: job.metadata.ownerReferences,
    },
    spec: { schedulingPolicy: { gang: { minCount: 4 } }, priorityClassName: "batch" },
  });
  expect(job.spec.template.spec.schedulingGroup).toEqual({ podGroupName: "examplerun-demo-build-3" });
  for (const alone of [
    rendered({ pods: 4 }),
    rendered({ pods: 1 }, {}, undefined, newest),
    rendered({ pods: 4, coupling: "independent" }, {}, undefined, newest),
  ]) {
    expect(alone.podGroup).toBeUndefined();
    expect(alone.job.spec.template.spec.schedulingGroup).toBeUndefined();
  }
});

test("a gang of several pods meets at index 0 of a headless Service named like the Job", () => {
  const { job, service } = rendered({ pods: 4, processesPerPod: 8 });
  expect(service?.metadata.name).toBe("examplerun-demo-build-3");
  expect(job.spec.template.spec.subdomain).toBe("examplerun-demo-build-3");
  expect(job.spec.template.spec.containers[0]?.env).toEqual(
    expect.arrayContaining([
      { name: "MASTER_ADDR", value: "examplerun-demo-build-3-0.examplerun-demo-build-3" },
      { name: "NNODES", value: "4" },
      { name: "NPROC_PER_NODE", value: "8" },
    ]),
  );
});

test("one process is told of no others", () => {
  const { job, service } = rendered({ pods: 1 });
  expect(service).toBeUndefined();
  expect(job.spec.template.spec.containers[0]?.env.map(({ name }) => name)).toEqual([
    "POD_IP",
    "TANREN_MEMORY_BYTES",
    "OMP_NUM_THREADS",
    "TANREN_GRACE_SECONDS",
    "HOME",
  ]);
});

test("resources: requests are limits, threads are divided among processes, an accelerator selects its nodes", () => {
  const compute = { gpusPerNode: 4, accelerator: "h100-80gb", resources: { cpu: "16", memory: "64Gi" } };
  const { spec } = rendered({ gpusPerPod: 4, processesPerPod: 4 }, { compute }).job.spec.template;
  const amounts = { cpu: "16", memory: "64Gi", "nvidia.com/gpu": "4" };
  expect(spec.containers[0]?.resources).toEqual({ requests: amounts, limits: amounts });
  expect(spec.containers[0]?.env).toEqual(expect.arrayContaining([{ name: "OMP_NUM_THREADS", value: "4" }]));
  expect(spec.nodeSelector).toEqual({ "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3" });
});

test("pods with GPUs have shared memory for NCCL, unless the platform brings its own; others have none", () => {
  const shm = { name: "shm", emptyDir: { medium: "Memory" } };
  const podOf = (gpusPerPod: number, podDefaults?: object) =>
    rendered({ gpusPerPod }, { compute: { gpusPerNode: gpusPerPod } }, podDefaults).job.spec.template.spec;
  const withGpus = podOf(2);
  expect(withGpus.volumes).toContainEqual(shm);
  expect(withGpus.containers[0]?.volumeMounts).toContainEqual({ name: "shm", mountPath: "/dev/shm" });
  expect(podOf(0).volumes).not.toContainEqual(shm);
  const own = {
    extraVolumes: [{ name: "own", emptyDir: { medium: "Memory", sizeLimit: "8Gi" } }],
    extraVolumeMounts: [{ name: "own", mountPath: "/dev/shm" }],
  };
  const mounts = podOf(2, own).containers[0]?.volumeMounts.filter(
    ({ mountPath }) => mountPath === "/dev/shm",
  );
  expect(mounts).toEqual([{ name: "own", mountPath: "/dev/shm" }]);
});

test("names are labels of the length that pods need, and different names stay different", () => {
  const named = (kind: string, name: string) => ({
    kind,
    metadata: { ...rendered().job.metadata, name, uid: "u", resourceVersion: "1", creationTimestamp: "" },
  });
  expect(attemptName(named("PretrainRun", "demo"), "train", 2)).toBe("pretrainrun-demo-train-2");
  const long = "a".repeat(60);
  const names = [
    attemptName(named("ExampleRun", `${long}1`), "build", 10),
    attemptName(named("ExampleRun", `${long}2`), "build", 10),
    attemptName(named("ExampleRun", "7b.chat"), "dpo", 1),
    attemptName(named("Casting", "7b.chat"), "dpo", 1),
  ];
  for (const name of names) expect(name).toMatch(/^[a-z][-a-z0-9]{0,50}[a-z0-9]$/);
  expect(new Set(names).size).toBe(4);
  expect(dnsLabel("7b-chat")).not.toBe(dnsLabel("t7b-chat"));
});

test("the operator's defaults stand where the spec is silent, and only there", () => {
  const podDefaults = {
    image: "registry.example/kernels:2",
    imagePullSecrets: [{ name: "site" }],
    queueName: "site-queue",
    extraVolumes: [{ name: "certificates", configMap: { name: "site-certificates" } }],
    extraVolumeMounts: [{ name: "certificates", mountPath: "/etc/ssl/site", readOnly: true }],
  };
  const silent = rendered({}, {}, podDefaults).job;
  expect(silent.metadata.labels).toMatchObject({ [queueLabel]: "site-queue" });
  expect(silent.spec.suspend).toBe(true);
  const { spec } = silent.spec.template;
  expect(spec.containers[0]?.image).toBe("registry.example/kernels:2");
  expect(spec.imagePullSecrets).toEqual([{ name: "site" }]);
  expect(spec.volumes).toContainEqual(podDefaults.extraVolumes[0]);
  expect(spec.containers[0]?.volumeMounts).toContainEqual(podDefaults.extraVolumeMounts[0]);

  const compute = {
    image: "own:1",
    imagePullSecrets: [{ name: "own" }],
    queueName: "own-queue",
    workloadPriorityClassName: "urgent",
  };
  const own = rendered({}, { compute }, podDefaults).job;
  expect(own.metadata.labels).toMatchObject({ [queueLabel]: "own-queue", [workloadPriorityLabel]: "urgent" });
  expect(own.spec.template.spec.containers[0]?.image).toBe("own:1");
  expect(own.spec.template.spec.imagePullSecrets).toEqual([{ name: "own" }]);
});

test("what the platform puts on every pod goes before what a spec asks for, and the operator's own before both", () => {
  const podDefaults = {
    image: "kernels:1",
    labels: { "example.com/cost-centre": "42" },
    annotations: { "karpenter.sh/do-not-disrupt": "true" },
    env: [
      { name: "HTTPS_PROXY", value: "http://proxy" },
      { name: "NCCL_DEBUG", value: "WARN" },
    ],
    runtimeClassName: "gvisor",
    schedulerName: "volcano",
    topologySpreadConstraints: [{ topologyKey: "topology.kubernetes.io/zone" }],
    ephemeralStorage: "20Gi",
    acceleratorResourceName: "amd.com/gpu",
    resourceClaims: [{ name: "nic", resourceClaimTemplateName: "site-nic" }],
  };
  const compute = {
    gpusPerNode: 1,
    labels: { "example.com/cost-centre": "none", "example.com/team": "search" },
    annotations: { "karpenter.sh/do-not-disrupt": "false", "example.com/note": "mine" },
    env: [
      { name: "NCCL_DEBUG", value: "INFO" },
      { name: "NCCL_SOCKET_IFNAME", value: "eth1" },
    ],
    runtimeClassName: "runc",
    schedulerName: "own",
    resourceClaims: [
      { name: "nic", resourceClaimTemplateName: "own-nic" },
      { name: "imex", resourceClaimTemplateName: "imex" },
    ],
  };
  const { job } = rendered({ gpusPerPod: 1 }, { compute }, podDefaults);
  const { metadata, spec } = job.spec.template;
  const [container] = spec.containers;
  const own = rendered().job.spec.template.metadata.labels;
  expect(metadata.labels).toMatchObject({
    "example.com/cost-centre": "42",
    "example.com/team": "search",
    [labels.name]: own[labels.name],
    [labels.attempt]: "3",
  });
  expect(metadata.annotations).toEqual({
    "karpenter.sh/do-not-disrupt": "true",
    "example.com/note": "mine",
  });
  const env = Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value]));
  expect(env).toMatchObject({
    HTTPS_PROXY: "http://proxy",
    NCCL_DEBUG: "WARN",
    NCCL_SOCKET_IFNAME: "eth1",
    HOME: "/tmp",
  });
  expect(container?.env).toHaveLength(Object.keys(env).length);
  expect(spec).toMatchObject({
    runtimeClassName: "gvisor",
    schedulerName: "volcano",
    resourceClaims: [
      { name: "imex", resourceClaimTemplateName: "imex" },
      { name: "nic", resourceClaimTemplateName: "site-nic" },
    ],
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: "topology.kubernetes.io/zone",
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: { matchLabels: { [labels.stage]: "build", [labels.attempt]: "3" } },
      },
    ],
  });
  const amounts = { cpu: "1", memory: "2Gi", "amd.com/gpu": "1", "ephemeral-storage": "20Gi" };
  expect(container?.resources).toEqual({
    requests: amounts,
    limits: amounts,
    claims: [{ name: "imex" }, { name: "nic" }],
  });
});

test("devices are claimed for pods with GPUs alone, which may be all that asks for them", () => {
  const podDefaults = {
    acceleratorResourceName: "",
    resourceClaims: [{ name: "gpu", resourceClaimTemplateName: "one-gpu" }],
  };
  const compute = { gpusPerNode: 1, resources: { ephemeralStorage: "1Gi" } };
  const amounts = { cpu: "1", memory: "2Gi", "ephemeral-storage": "1Gi" };
  const podOf = (gpusPerPod: number) =>
    rendered({ gpusPerPod }, { compute }, podDefaults).job.spec.template.spec;
  expect(podOf(1).containers[0]?.resources).toEqual({
    requests: amounts,
    limits: amounts,
    claims: [{ name: "gpu" }],
  });
  expect(podOf(0)).not.toHaveProperty("resourceClaims");
  expect(podOf(0).containers[0]?.resources).toEqual({ requests: amounts, limits: amounts });
});
