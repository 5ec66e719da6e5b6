import type { Artifact, ResolvedInput } from "../api/artifact.ts";
import type { Root } from "../engine/reconcile-result.ts";
import { isResolved, type ReferencedRun, resolve } from "../engine/references.ts";
import { refuseServing } from "../estimates/serving-plan.ts";
import { gateNotFound, gateOf, refuseGate } from "../kinds/inference-deployment/kind.ts";
import { missingNeed, type Need } from "../kinds/needs.ts";
import type { RequiredEvaluation, ServingSpec } from "./scope.ts";

/** What is to be served: which model, and whether it may be. */

export interface ServedModel {
  claimName: string;
  path: string;
  /** Absent where only the model itself tells it: of an imported directory. */
  contextLength?: number;
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
  absent: readonly Need[],
): Choice {
  const seen = referenced && resolve(referenced);
  if (seen !== undefined && !isResolved(seen)) return { wanted: seen };
  const refusal = refuseServing(spec, seen);
  const [missing] = absent;
  const obstacle =
    refusal ?? closedGate(spec, required, seen?.artifact.digest) ?? (missing && missingNeed(missing));
  return { input: seen, wanted: obstacle ?? locate(spec, seen?.artifact) };
}

function locate(spec: ServingSpec, artifact: Artifact | undefined): ServedModel | Root {
  const place = artifact ?? spec.model.directory;
  const contextLength = spec.contextLength ?? artifact?.contextLength;
  if (place === undefined) return { reason: "InvalidSpec", message: "spec.model names no model" };
  return { claimName: place.claimName, path: place.path, contextLength, artifact };
}

/** The first required Evaluation that has not passed for this very artifact. */
function closedGate(
  spec: ServingSpec,
  required: readonly RequiredEvaluation[],
  digest: string | undefined,
): Root | undefined {
  for (const { name, evaluation } of required) {
    if (evaluation === undefined) return gateNotFound(name);
    const { closed } = gateOf(evaluation, digest);
    if (closed === undefined) continue;
    const message = `Evaluation ${name} (spec.requires) ${closed}`;
    return refuseGate(spec, evaluation) ?? { reason: "EvaluationNotPassed", message };
  }
  return undefined;
}

/** An artifact that was served before, as it is to be served still. */
export function servedBefore(spec: ServingSpec, artifact: Artifact | undefined): ServedModel | undefined {
  const longest = artifact?.contextLength ?? spec.contextLength;
  if (artifact === undefined) return undefined;
  const contextLength = longest === undefined ? undefined : Math.min(spec.contextLength ?? longest, longest);
  return { claimName: artifact.claimName, path: artifact.path, contextLength, artifact };
}
