import { describe, expect, test } from "vitest";
import { admit } from "../api/admission.ts";
import { InferenceDeploymentSpec } from "../api/inference-deployment.ts";
import { inferenceDeployment } from "../api/kinds.ts";
import { modelInputOf } from "../testing/example-kinds.ts";
import { refuseServing, servingPlan } from "./serving-plan.ts";

const spec = (change: object = {}) => {
  const manifest = {
    model: { pretrainRun: { name: "base" } },
    compute: { gpusPerNode: 1, accelerator: "a100-80gb" },
    ...change,
  };
  const admitted = admit(inferenceDeployment, {
    metadata: { name: "chat", namespace: "default" },
    spec: manifest,
  });
  return InferenceDeploymentSpec.parse(admitted);
};
const model = modelInputOf();
const weights = 2 * 13_015_864_320;
const perToken = 819_200;
const runtime = 2 * 2 ** 30;

describe("servingPlan", () => {
  test("weights, and keys and values of every request at full length", () => {
    expect(servingPlan(spec({ maxConcurrentRequests: 4 }), model)).toEqual({
      ranks: 1,
      parameters: 13_015_864_320,
      memoryPerRankBytes: weights + 4 * 2048 * perToken + runtime,
      memoryLimitPerRankBytes: 80 * 2 ** 30,
    });
  });

  test("the spec's context goes before the model's, and float32 takes twice as much", () => {
    const plan = servingPlan(
      spec({ contextLength: 1024, maxConcurrentRequests: 1, precision: "float32" }),
      model,
    );
    expect(plan.memoryPerRankBytes).toBe(2 * (weights + 1024 * perToken) + runtime);
  });

  test("without a GPU, what is coming in takes its share: bodies, and two texts as long as the context", () => {
    const onCpu = { contextLength: 1024, maxConcurrentRequests: 1, compute: {} };
    expect(servingPlan(spec(onCpu), model).memoryPerRankBytes).toBe(
      weights + 1024 * perToken + 384 * 2 ** 20 + 8 * 8 * 2 ** 20 + 2 * 200 * 16 * 1024,
    );
  });

  test("parameters that the artifact does not say are estimated from its float32 weights' size", () => {
    const { parameters: _, ...artifact } = model.artifact;
    const plan = servingPlan(spec(), { ...model, artifact: { ...artifact, sizeBytes: 4 * 13_000_000_000 } });
    expect(plan.parameters).toBe(13_000_000_000);
  });

  test("of an imported model only the limit is known", () => {
    expect(servingPlan(spec(), undefined)).toEqual({ ranks: 1, memoryLimitPerRankBytes: 80 * 2 ** 30 });
  });
});

describe("refuseServing", () => {
  test("a context that the model does not have", () => {
    expect(refuseServing(spec({ contextLength: 4096 }), model)).toEqual({
      reason: "InvalidSpec",
      message:
        "spec.contextLength 4096 is over the context of 2048 tokens that PretrainRun base has; set it to 2048 or less, or leave it out",
    });
  });

  test("more requests than there is memory for", () => {
    expect(refuseServing(spec({ maxConcurrentRequests: 35 }), model)?.reason).toBe("InsufficientMemory");
    expect(refuseServing(spec({ maxConcurrentRequests: 34 }), model)).toBeUndefined();
  });
});
