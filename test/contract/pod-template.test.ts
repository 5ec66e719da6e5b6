import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { PodDefaults } from "../../operator/api/configuration.ts";
import type { PodTemplate } from "../../operator/cluster/objects.ts";
import { type Run, RunSpec } from "../../operator/kinds/batch-kind.ts";
import { batchKinds } from "../../operator/kinds/index.ts";
import { storageOf } from "../../operator/runs/scope.ts";
import { attemptObjects, stageConfig } from "../../operator/runs/stage-objects.ts";
import { corpusInput, inputsOf } from "../../operator/testing/example-kinds.ts";
import { samples } from "../../operator/testing/samples.ts";
import { ApiServer } from "./api-server.ts";
import { openNamespace } from "./namespace.ts";
import { given } from "./waiting.ts";

/** Pods with all that a platform or a spec may say of them are admitted by a real API server, and keep it. */

const api = new ApiServer(inject("kubeconfig"));
const namespace = `template-${randomBytes(4).toString("hex")}`;
const runtimeClass = { name: namespace, overhead: { cpu: "250m", memory: "120Mi" } };

beforeAll(async () => {
  await openNamespace(api, namespace);
  await api.send("POST", "/apis/node.k8s.io/v1/runtimeclasses", {
    apiVersion: "node.k8s.io/v1",
    kind: "RuntimeClass",
    metadata: { name: runtimeClass.name },
    handler: "kata",
    overhead: { podFixed: runtimeClass.overhead },
  });
});
afterAll(async () => {
  await api.send("DELETE", `/apis/node.k8s.io/v1/runtimeclasses/${runtimeClass.name}`);
  await api.send("DELETE", `/api/v1/namespaces/${namespace}`);
  api.close();
});

/** The pods that train a run whose spec asks for this compute. */
function templateOf(compute: object, defaults: object): PodTemplate {
  const kind = given(batchKinds.find(({ definition }) => definition.resource.kind === "PretrainRun"));
  const { apiVersion } = kind.definition.resource;
  const spec = kind.definition.spec.parse({ ...samples.PretrainRun, compute });
  const metadata = { name: "base", namespace, uid: namespace, creationTimestamp: "", resourceVersion: "1" };
  const run = { apiVersion, kind: "PretrainRun", metadata, spec } as Run;
  const common = RunSpec.parse(spec);
  const storage = storageOf(kind.definition, run, common);
  const stage = given(kind.stages(spec, inputsOf(corpusInput()))[0]);
  const made = stageConfig(run, common, stage, 1, stage.config(new Map()));
  if ("problem" in made) throw new Error(made.problem);
  const podDefaults = PodDefaults.parse({ image: "kernels:test", ...defaults });
  const plan = { run, spec: common, storage, stage, attempt: 1, config: made.config, podDefaults };
  return attemptObjects(plan).job.spec.template;
}

const resources = { cpu: "1", memory: "2Gi" };

test.each([
  ["runtime class", { runtimeClassName: runtimeClass.name }, { overhead: runtimeClass.overhead }],
  ["scheduler", { schedulerName: "gang-scheduler" }, { schedulerName: "gang-scheduler" }],
])("with another %s", async (_, said, kept) => {
  for (const [compute, defaults] of [
    [{ resources, ...said }, {}],
    [{ resources }, said],
  ] as const) {
    const { code, body } = await admitted(templateOf(compute, defaults));
    expect(code, JSON.stringify(body)).toBe(201);
    expect(body).toMatchObject({ spec: { ...said, ...kept } });
  }
});

test("with devices claimed from DRA drivers instead of an extended resource", async () => {
  const claim = { name: "gpu", resourceClaimTemplateName: "one-gpu" };
  const compute = { resources, gpusPerNode: 1, resourceClaims: [claim] };
  const { code, body } = await admitted(templateOf(compute, { acceleratorResourceName: "" }));
  expect(code, JSON.stringify(body)).toBe(201);
  expect(body).toMatchObject({
    spec: { resourceClaims: [claim], containers: [{ resources: { claims: [{ name: "gpu" }] } }] },
  });
});

test("a runtime class that nobody made is refused by its name", async () => {
  const { code, body } = await admitted(templateOf({ resources, runtimeClassName: "none-such" }, {}));
  expect(code).toBe(403);
  expect(JSON.stringify(body)).toContain("none-such");
});

function admitted({ metadata, spec }: PodTemplate) {
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, name: "kernel" }, spec };
  return api.ask("POST", `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);
}
