import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import type { Reference } from "../../api/artifact.ts";
import { EvaluationSpec } from "../../api/evaluation.ts";
import type { InferenceDeploymentSpec } from "../../api/inference-deployment.ts";
import type { Evaluation } from "../../api/kinds.ts";
import type { Refusal } from "../../estimates/refusal.ts";
import { computeNeeds, type Need, named } from "../needs.ts";
import { inputNotFound } from "../reference-problems.ts";
import { modelNeeds, modelReference } from "../stage-inputs.ts";

/** What a deployment refers to, and which of its gates can never open. */

type Spec = z.output<typeof InferenceDeploymentSpec>;

export function servingReferences({ model }: Spec): Reference[] {
  const reference = modelReference(model);
  return reference ? [reference] : [];
}

export const servingNeeds = ({ model, auth, compute }: Spec): Need[] => [
  ...modelNeeds(model),
  ...named("Secret", auth?.secretName, "auth.secretName"),
  ...computeNeeds(compute),
];

/** A required Evaluation is a reference too. */
export const gateNotFound = (name: string): Refusal =>
  inputNotFound({ role: "spec.requires", kind: "Evaluation", name });

/** Why a required Evaluation can never open its gate; undefined: it may. */
export function refuseGate(
  { model }: Spec,
  evaluation: { metadata: { name: string }; spec?: unknown },
): Refusal | undefined {
  const named = `Evaluation ${evaluation.metadata.name} (spec.requires)`;
  if (model.directory) {
    const message = `${named} cannot speak of an imported directory, which has no digest; take it out of spec.requires`;
    return { reason: "EvaluationNotPassed", message };
  }
  const asked = EvaluationSpec.safeParse(evaluation.spec);
  // What the schema refuses of an Evaluation is said of that Evaluation.
  if (!asked.success) return undefined;
  if (asked.data.thresholds.length === 0) {
    const message = `${named} has no thresholds, so that nothing can pass; give it spec.thresholds, or take it out of spec.requires`;
    return { reason: "EvaluationNotPassed", message };
  }
  if (isDeepStrictEqual(asked.data.model, model)) return undefined;
  const message = `${named} is of another model than spec.model; let both name the same, or it can never open this gate`;
  return { reason: "EvaluationNotPassed", message };
}

/** How a required Evaluation stands to the artifact that is to be served. */
export interface Gate {
  state: "passed" | "failed" | "missing" | "unfinished" | "ofAnotherModel";
  /** Why it is closed; absent: it is open. */
  closed?: string;
}

export function gateOf(evaluation: Pick<Evaluation, "status"> | undefined, digest: string | undefined): Gate {
  if (evaluation === undefined) return { state: "missing", closed: "does not exist" };
  const { passed, modelDigest, completionTime } = evaluation.status ?? {};
  if (passed === undefined && completionTime === undefined)
    return { state: "unfinished", closed: "has not ended yet" };
  if (passed === undefined) return { state: "failed", closed: "ended without scores" };
  if (modelDigest === undefined || modelDigest !== digest) {
    const closed = `speaks of ${modelDigest ?? "a model without a digest"}, and ${digest} is to be served`;
    return { state: "ofAnotherModel", closed };
  }
  if (passed) return { state: "passed" };
  return { state: "failed", closed: "did not pass: a score is below its threshold" };
}
