import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../contract/waiting.ts";
import { type Bench, condition, corpus, openBench, pretrainRun, resourceOf, started } from "./command.ts";

/** Commands that change one field of an object in a cluster, and those that follow changes. */

const patience = 120_000;
let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.write(
    "all.yaml",
    `${corpus("web")}---\n${pretrainRun("base", "web")}---
apiVersion: tanren.dev/v1alpha1
kind: InferenceDeployment
metadata: {name: assistant, labels: {team: search}}
spec: {model: {pretrainRun: {name: base}}, replicas: 2}
`,
  );
  const applied = await bench.kubectl(
    ...["apply", "--server-side", "--field-manager", "gitops", "-n", bench.namespace],
    ...["-f", `${bench.directory}/all.yaml`],
  );
  expect(applied).toMatchObject({ code: 0 });
}, patience);
afterAll(() => bench?.close(), patience);

const specOf = async (kind: string, name: string) =>
  (await bench.cluster.get(resourceOf(kind), bench.namespace, name))?.spec as Record<string, unknown>;

describe("one field changes, and the rest stays the pipeline's", { timeout: patience }, () => {
  test("suspend and resume", async () => {
    const before = await specOf("PretrainRun", "base");
    expect(await bench.plugin("suspend", "ptr/base")).toMatchObject({ code: 0, error: "" });
    expect(await specOf("PretrainRun", "base")).toEqual({ ...before, suspend: true });
    expect(await bench.plugin("resume", "pretrainrun", "base")).toEqual({
      code: 0,
      error: "",
      out: "PretrainRun/base continues\n",
    });
    expect(await specOf("PretrainRun", "base")).toEqual({ ...before, suspend: false });
  });

  test("scale", async () => {
    expect(await bench.plugin("scale", "infd/assistant", "--replicas", "0")).toMatchObject({
      code: 0,
      error: "",
    });
    expect(await specOf("InferenceDeployment", "assistant")).toMatchObject({ replicas: 0 });
    const path = `/apis/tanren.dev/v1alpha1/namespaces/${bench.namespace}/inferencedeployments/assistant`;
    const { body } = await bench.api.ask("GET", path);
    expect(body).toMatchObject({
      metadata: {
        managedFields: expect.arrayContaining([
          expect.objectContaining({
            manager: "gitops",
            fieldsV1: expect.objectContaining({
              "f:spec": expect.objectContaining({ "f:model": expect.anything() }),
            }),
          }),
        ]),
      },
    });
  });
});

test("get selects by label", { timeout: patience }, async () => {
  const names = async (labels: string) => (await bench.plugin("get", "-l", labels, "-o", "name")).out;
  expect(await names("team=search")).toBe("inferencedeployment.tanren.dev/assistant\n");
  expect(await names("team=other")).toBe("");
});

test("get --watch tells what is there, then each change", { timeout: patience }, async () => {
  const words = ["get", "corpora", "--watch", "-n", bench.namespace];
  const { child, seen, ended } = started("kubectl-tanren", words, bench.directory, {
    KUBECONFIG: bench.kubeconfig,
  });
  await eventually(async () => /^NAME +SUCCEEDED.*\nweb /.test(seen.out), "the table begins");
  await bench.setStatus("Corpus", "web", {
    observedGeneration: 1,
    conditions: [
      condition("Succeeded", "True", "Completed", "3/3 stages completed"),
      condition("Ready", "True", "Completed", "3/3 stages completed"),
    ],
  });
  await eventually(async () => /\nweb +True .*Completed/.test(seen.out), "the change is told");
  child.kill("SIGINT");
  expect((await ended).error).toBe("");
});

test("names of objects are completed from the cluster", { timeout: patience }, async () => {
  const { out } = await bench.shell("kubectl_complete-tanren describe ptr b");
  expect(out).toBe("base\t\n:4\n");
});
