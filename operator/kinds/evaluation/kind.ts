import type { z } from "zod";
import type { Inputs } from "../../api/artifact.ts";
import type { EvaluationSpec } from "../../api/evaluation.ts";
import { evaluation } from "../../api/kinds.ts";
import type { Plan } from "../../api/status.ts";
import { rankOf } from "../../estimates/hardware.ts";
import { inferenceBytes } from "../../estimates/memory.ts";
import { figuresOf } from "../../estimates/model-figures.ts";
import {
  firstRefusal,
  invalidSpec,
  type Refusal,
  refuseDecimals,
  refuseMemory,
} from "../../estimates/refusal.ts";
import type { BatchKind, KernelResult } from "../batch-kind.ts";
import { claimNeed } from "../needs.ts";
import { modelNeeds, modelReference } from "../stage-inputs.ts";
import { dataMount, evaluationStages, examplesMount } from "./stages.ts";

type Spec = z.output<typeof EvaluationSpec>;

export const evaluationKind: BatchKind<Spec> = {
  definition: evaluation,
  references: ({ model }) => {
    const reference = modelReference(model);
    return reference ? [reference] : [];
  },
  needs: ({ model, suites }) => [
    ...modelNeeds(model),
    ...suites.flatMap(({ name, task: format, data, examples }, index) => [
      claimNeed(data, `suites[${index}].data`, { format, parent: dataMount(name) }),
      ...(examples
        ? [claimNeed(examples, `suites[${index}].examples`, { format, parent: examplesMount(name) })]
        : []),
    ]),
  ],
  refuse: (spec, inputs) =>
    firstRefusal(
      () => refusePods(spec),
      () => refuseThresholds(spec),
      () => refuseMemory(evaluationPlan(spec, inputs), spec.compute, "model"),
    ),
  plan: evaluationPlan,
  stages: evaluationStages,
  results: evaluationResults,
};

/**
 * One process asks; it has float32 weights. How long its prompts are, and how long it takes, depends on the
 * files.
 */
function evaluationPlan({ compute }: Spec, inputs: Inputs): Plan {
  const { device, memoryBytes } = rankOf(compute);
  const model = figuresOf(inputs.get("model"));
  return {
    ranks: 1,
    ...(model && {
      parameters: model.parameters,
      memoryPerRankBytes: inferenceBytes(model, 0, "float32", device),
    }),
    memoryLimitPerRankBytes: memoryBytes,
  };
}

function refusePods({ compute }: Spec): Refusal | undefined {
  if (compute.nodes > 1)
    return invalidSpec(`spec.compute.nodes is ${compute.nodes}, but one pod asks all suites; set it to 1`);
  if (compute.gpusPerNode <= 1) return undefined;
  return invalidSpec(
    `spec.compute.gpusPerNode is ${compute.gpusPerNode}, but one GPU asks all suites; set it to 1`,
  );
}

const metricsOf = { jsquad: ["exact_match", "char_f1"], jcommonsenseqa: ["accuracy"] } as const;

function refuseThresholds({ suites, thresholds }: Spec): Refusal | undefined {
  for (const { suite: name, metric, atLeast } of thresholds) {
    const suite = suites.find((candidate) => candidate.name === name);
    const metrics: readonly string[] = suite ? metricsOf[suite.task] : [];
    const field = `thresholds[${name}]`;
    if (!metrics.includes(metric)) {
      return invalidSpec(
        `spec.${field}.metric ${metric} is not measured by task ${suite?.task}; use ${metrics.join(" or ")}`,
      );
    }
    const refusal = refuseDecimals([{ field: `${field}.atLeast`, value: atLeast, atMost: 1 }]);
    if (refusal) return refusal;
  }
  return undefined;
}

type Scores = NonNullable<KernelResult["scores"]>;

/**
 * scores, passed and modelDigest of status; nothing before the stage has ended. `passed` is what the
 * condition Passed says: every threshold is met. Without any there is nothing to pass.
 */
export function evaluationResults(
  spec: Spec,
  inputs: Inputs,
  results: ReadonlyMap<string, KernelResult>,
): Record<string, unknown> {
  const scores = results.get("evaluate")?.scores;
  if (!scores) return {};
  return {
    scores: scores.map((score) => ({
      ...score,
      value: String(score.value),
      low: String(score.low),
      high: String(score.high),
    })),
    passed:
      spec.thresholds.length === 0
        ? undefined
        : spec.thresholds.every((threshold) => meets(threshold, scores)),
    modelDigest: inputs.get("model")?.artifact.digest,
  };
}

function meets({ suite, metric, atLeast }: Spec["thresholds"][number], scores: Scores): boolean {
  const score = scores.find((candidate) => candidate.suite === suite && candidate.metric === metric);
  return score !== undefined && score.value >= Number(atLeast);
}
