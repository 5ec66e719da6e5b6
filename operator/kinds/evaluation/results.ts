import type { z } from "zod";
import type { Inputs } from "../../api/artifact.ts";
import type { EvaluationSpec } from "../../api/evaluation.ts";
import type { KernelResult } from "../batch-kind.ts";

type Spec = z.output<typeof EvaluationSpec>;
type Scores = NonNullable<KernelResult["scores"]>;

/**
 * scores, passed and modelDigest of status; nothing before the stage has ended. `passed` is what the condition Passed says: every
 * threshold is met, and without any it is true.
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
    passed: spec.thresholds.every((threshold) => meets(threshold, scores)),
    modelDigest: inputs.get("model")?.artifact.digest,
  };
}

function meets({ suite, metric, atLeast }: Spec["thresholds"][number], scores: Scores): boolean {
  const score = scores.find((candidate) => candidate.suite === suite && candidate.metric === metric);
  return score !== undefined && score.value >= Number(atLeast);
}
