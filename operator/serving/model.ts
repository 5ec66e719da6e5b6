import type { Artifact, ResolvedInput } from "../api/artifact.ts";
import type { Evaluation } from "../api/kinds.ts";
import type { Root } from "../engine/reconcile-result.ts";
import { isResolved, type ReferencedRun, resolve } from "../engine/references.ts";
import { refuseServing } from "../estimates/serving-plan.ts";
import type { RequiredEvaluation, ServingSpec } from "./scope.ts";

/** What is to be served: which model, and whether it may be. */

export interface ServedModel {
  claimName: string;
  path: string;
  contextLength: number;
  /** Absent for an imported directory, which has no manifest. */
  artifact?: Artifact;
}

export interface Choice {
  /** Absent when the model is an imported directory or not to be had. */
  input?: ResolvedInput;
  wanted: ServedModel | Root;
}

/** What stands in the way of a model is said by the root condition. */
export const isObstacle = (wanted: ServedModel | Root): wanted is Root => "reason" in wanted;

/** The model that the spec asks for, or what stands in its way. */
export function choose(
  spec: ServingSpec,
  referenced: ReferencedRun | undefined,
  required: readonly RequiredEvaluation[],
): Choice {
  const seen = referenced && resolve(referenced);
  if (seen !== undefined && !isResolved(seen)) return { wanted: seen };
  const refusal = refuseServing(spec, seen);
  const obstacle = refusal ?? closedGate(required, seen?.artifact.digest);
  return { input: seen, wanted: obstacle ?? locate(spec, seen?.artifact) };
}

function locate(spec: ServingSpec, artifact: Artifact | undefined): ServedModel | Root {
  const place = artifact ?? spec.model.directory;
  const contextLength = spec.contextLength ?? artifact?.contextLength;
  if (place === undefined) return { reason: "InvalidSpec", message: "spec.model names no model" };
  if (contextLength === undefined) {
    const message =
      "spec.contextLength is missing and the model's artifact does not tell it, as an imported directory cannot; set it";
    return { reason: "InvalidSpec", message };
  }
  return { claimName: place.claimName, path: place.path, contextLength, artifact };
}

/** The first required Evaluation that has not passed for this very artifact. */
function closedGate(required: readonly RequiredEvaluation[], digest: string | undefined): Root | undefined {
  for (const { name, evaluation } of required) {
    const message = whyClosed(name, evaluation, digest);
    if (message !== undefined) return { reason: "EvaluationNotPassed", message };
  }
  return undefined;
}

function whyClosed(
  name: string,
  evaluation: Evaluation | undefined,
  digest: string | undefined,
): string | undefined {
  const named = `Evaluation ${name} (spec.requires)`;
  if (evaluation === undefined)
    return `${named} does not exist in this namespace; create it or correct the name`;
  if (evaluation.spec.thresholds.length === 0)
    return `${named} has no thresholds, so that nothing can pass; give it spec.thresholds (an Evaluation that has started must be made anew), or take it out of spec.requires`;
  const { passed, modelDigest } = evaluation.status ?? {};
  if (passed === undefined) return `${named} has not ended yet`;
  if (digest === undefined)
    return `${named} cannot speak of an imported directory, which has no digest; take it out of spec.requires`;
  if (modelDigest !== digest)
    return `${named} speaks of ${modelDigest ?? "a model without a digest"}, and ${digest} is to be served`;
  if (!passed) return `${named} did not pass: a score is below its threshold`;
  return undefined;
}

/** An artifact that was served before, as it is to be served still. */
export function servedBefore(spec: ServingSpec, artifact: Artifact | undefined): ServedModel | undefined {
  const longest = artifact?.contextLength ?? spec.contextLength;
  if (artifact === undefined || longest === undefined) return undefined;
  const contextLength = Math.min(spec.contextLength ?? longest, longest);
  return { claimName: artifact.claimName, path: artifact.path, contextLength, artifact };
}
