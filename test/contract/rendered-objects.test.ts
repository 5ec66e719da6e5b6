import { expect, test } from "vitest";
import type { Artifact } from "../../operator/api/artifact.ts";
import { NetworkPolicies, PodDefaults } from "../../operator/api/configuration.ts";
import { inferenceDeployment } from "../../operator/api/kinds.ts";
import { isTrue } from "../../operator/cluster/conditions.ts";
import type { KubernetesObject, PersistentVolumeClaim, Wanted } from "../../operator/cluster/objects.ts";
import {
  claims,
  configMaps,
  deployments,
  jobs,
  networkPolicies,
  podDisruptionBudgets,
  pods,
  type Resource,
  secrets,
  services,
} from "../../operator/cluster/resource.ts";
import { ownedBy } from "../../operator/engine/names.ts";
import { networkPolicy } from "../../operator/engine/network-policy.ts";
import { covers } from "../../operator/engine/reconcile-result.ts";
import { RunSpec, runResource } from "../../operator/kinds/batch-kind.ts";
import { batchKinds } from "../../operator/kinds/index.ts";
import { storageOf } from "../../operator/runs/scope.ts";
import { attemptObjects, stageConfig } from "../../operator/runs/stage-objects.ts";
import type { ServedModel } from "../../operator/serving/model.ts";
import { servingObjects } from "../../operator/serving/objects.ts";
import type { ServingSpec } from "../../operator/serving/scope.ts";
import { corpusInput, inputsOf, modelInputOf, sampleArtifact } from "../../operator/testing/example-kinds.ts";
import { samples } from "../../operator/testing/samples.ts";
import { overEveryAdapter } from "./every-adapter.ts";
import { restated } from "./objects.ts";
import { eventually, isRunning } from "./waiting.ts";
import type { World } from "./world.ts";

/** Whatever the engines render is accepted, changes nothing when it is said again, and gets pods that run. */

type Child = [resource: Resource<KubernetesObject>, wanted: Wanted<KubernetesObject>];
const child = <T extends KubernetesObject>(resource: Resource<T>, wanted: Wanted<T> | undefined): Child[] =>
  wanted === undefined ? [] : [[resource as Resource<KubernetesObject>, wanted]];

const podDefaults = PodDefaults.parse({
  image: "kernels:test",
  imagePullSecrets: [{ name: "registry" }],
  extraVolumes: [{ name: "cache", emptyDir: {} }],
  extraVolumeMounts: [{ name: "cache", mountPath: "/cache" }],
  labels: { "example.com/cost-centre": "ml" },
  annotations: { "karpenter.sh/do-not-disrupt": "true" },
  env: [{ name: "NCCL_DEBUG", value: "INFO" }, { name: "EMPTY" }],
  schedulerName: "default-scheduler",
  topologySpreadConstraints: [{ topologyKey: "kubernetes.io/hostname" }],
  ephemeralStorage: "0.5Gi",
});
const policies = NetworkPolicies.parse({
  enabled: true,
  operator: { namespace: "tanren-system", podLabels: { app: "operator" } },
  clients: [{ ipBlock: { cidr: "10.0.0.0/8" } }],
  egress: [
    { to: [{ ipBlock: { cidr: "10.1.0.0/16" } }], ports: [{ port: 4318 }] },
    { ports: [{ port: 8000, endPort: 8010, protocol: "UDP" }] },
  ],
});
/** Amounts in a notation that the API server writes another way. */
const resources = { cpu: "0.5", memory: "2048Mi" };

overEveryAdapter("what the engines render", (world) => {
  test.each(batchKinds.map((kind) => [kind.definition.resource.kind, kind] as const))(
    "for a %s",
    async (name, kind) => {
      const { cluster } = world();
      const metadata = { name: `rendered-${name.toLowerCase()}`, namespace: world().namespace };
      const { apiVersion } = kind.definition.resource;
      const spec = { ...samples[name], compute: { nodes: 2, resources } };
      const run = await cluster.apply(runResource(kind), { apiVersion, kind: name, metadata, spec });
      const common = RunSpec.parse(run.spec);
      const storage = storageOf(kind.definition, run, common);
      const inputs = inputsOf(corpusInput(), modelInputOf());
      const artifacts = new Map<string, Artifact>();
      const children = [
        ...child(claims, storage.wanted),
        ...child(networkPolicies, networkPolicy(run, policies)),
        ...kind.stages(kind.definition.spec.parse(run.spec), inputs).flatMap((stage) => {
          const made = stageConfig(run, common, stage, 1, stage.config(artifacts));
          if ("problem" in made) throw new Error(made.problem);
          if (stage.artifact) artifacts.set(stage.name, sampleArtifact({ type: "model", stage: stage.name }));
          const plan = { run, spec: common, storage, stage, attempt: 1, config: made.config, podDefaults };
          const { configMap, service, job } = attemptObjects(plan);
          return [...child(configMaps, configMap), ...child(services, service), ...child(jobs, job)];
        }),
      ];
      const wantedPods = await expectKept(world(), children);
      expect(wantedPods).toBeGreaterThan(0);
      await inputsOfPods(world());
      await eventually(async () => {
        const own = await cluster.list(pods, { namespace: metadata.namespace, labels: ownedBy(run) });
        return own.filter(isRunning).length === wantedPods;
      }, `${wantedPods} pods of ${name} run`);
      await expectStoppable(world(), run);
      await cluster.delete(runResource(kind), run);
    },
  );

  test("for an InferenceDeployment", async () => {
    const { cluster, namespace } = world();
    const { apiVersion, kind } = inferenceDeployment.resource;
    const compute = { resources };
    const owner = await cluster.apply(inferenceDeployment.resource, {
      ...{ apiVersion, kind, metadata: { name: "rendered", namespace } },
      spec: inferenceDeployment.spec.parse({
        ...{ ...samples.InferenceDeployment, port: 18_433, compute, replicas: 2 },
        auth: { secretName: "keys" },
      }),
    });
    const model: ServedModel = {
      claimName: "claim",
      path: "m",
      contextLength: 64,
      artifact: modelArtifact(),
    };
    const made = servingObjects(owner, owner.spec as ServingSpec, model, {
      podDefaults,
      networkPolicies: policies,
    });
    const children = [
      ...child(configMaps, made.configMap),
      ...child(services, made.service),
      ...child(networkPolicies, made.policy),
      ...child(podDisruptionBudgets, made.budget),
      ...child(deployments, made.deployment),
    ];
    await expectKept(world(), children);
    await inputsOfPods(world());
    await eventually(async () => {
      const own = await cluster.list(pods, { namespace, labels: ownedBy(owner) });
      return own.filter(isRunning).length === 2;
    }, "both replicas run");
    await cluster.delete(inferenceDeployment.resource, owner);
  });
});

const modelArtifact = () => sampleArtifact({ type: "model" });

/** Says everything twice, and looks at it as the engines do; returns how many pods the Jobs want. */
async function expectKept({ cluster }: World, children: Child[]): Promise<number> {
  let wantedPods = 0;
  for (const [resource, wanted] of children) {
    const made = await cluster.apply(resource, wanted);
    expect(unseen(made, wanted, wanted.kind)).toEqual([]);
    const again = await cluster.apply(resource, wanted);
    expect(again.metadata.generation, `generation of ${wanted.kind} ${wanted.metadata.name}`).toBe(
      made.metadata.generation,
    );
    if (wanted.kind === "Job")
      wantedPods += (wanted as Wanted<KubernetesObject> & { spec: { completions: number } }).spec.completions;
  }
  return wantedPods;
}

/** What the engines would state again and again, because they do not find it as they stated it. */
function unseen(existing: unknown, stated: unknown, path: string): string[] {
  if (covers(existing, stated)) return [];
  if (typeof stated !== "object" || stated === null || typeof existing !== "object" || existing === null)
    return [`${path}: ${JSON.stringify(existing)} instead of ${JSON.stringify(stated)}`];
  const there = new Map(Object.entries(existing));
  return Object.entries(stated).flatMap(([field, value]) =>
    unseen(there.get(field), value, `${path}.${field}`),
  );
}

/** Every Job is stopped and let go as the engine does it: stated as it was read. */
async function expectStoppable({ cluster, namespace }: World, run: KubernetesObject): Promise<void> {
  const filter = { namespace, labels: ownedBy(run) };
  for (const suspend of [true, false]) {
    const read = await cluster.list(jobs, filter);
    expect(read.length).toBeGreaterThan(0);
    for (const job of read) {
      const stated = await cluster.apply(jobs, restated(job, suspend));
      expect(stated.spec).toEqual({ ...job.spec, suspend });
    }
    await eventually(
      async () => {
        const now = await cluster.list(jobs, filter);
        return now.every(({ status }) => isTrue(status?.conditions, "Suspended") === suspend);
      },
      `the Jobs of ${run.metadata.name} are ${suspend ? "stopped" : "let go"}`,
    );
  }
}

/** The claims and the Secret that the samples name. */
async function inputsOfPods({ cluster, namespace }: World): Promise<void> {
  for (const name of ["claim", "pages", "files"]) {
    const spec: PersistentVolumeClaim["spec"] = {
      accessModes: ["ReadWriteMany"],
      resources: { requests: { storage: "1Gi" } },
    };
    await cluster.apply(claims, {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name, namespace },
      spec,
    });
  }
  const data = { first: Buffer.from("key").toString("base64") };
  await cluster.apply(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "keys", namespace },
    data,
  });
}
