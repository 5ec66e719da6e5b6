import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import { EvaluationSpec } from "../../api/evaluation.ts";
import type { InferenceDeploymentSpec } from "../../api/inference-deployment.ts";
import type { Refusal } from "../../estimates/refusal.ts";
import type { PlannedObject } from "../../planning/manifests.ts";

/** Complaints about the Evaluations that a deployment requires: each must exist and speak of the model that is served. */
export function unmetGates(
  spec: z.output<typeof InferenceDeploymentSpec>,
  evaluation: (name: string) => PlannedObject | undefined,
): Refusal[] {
  return spec.requires.flatMap(({ name }): Refusal[] => {
    const object = evaluation(name);
    if (!object) {
      const message = `Evaluation ${name} (spec.requires) is not among the objects of the namespace; add it, or correct the name`;
      return [{ reason: "InputNotFound", message }];
    }
    const asked = EvaluationSpec.safeParse(object.spec);
    // An Evaluation that the schema refuses is complained of by itself.
    if (!asked.success || isDeepStrictEqual(asked.data.model, spec.model)) return [];
    const message = `Evaluation ${name} (spec.requires) is of another model than spec.model; let both name the same, or it can never open this gate`;
    return [{ reason: "EvaluationNotPassed", message }];
  });
}
