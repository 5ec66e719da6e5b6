import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import type { Artifact, Reference } from "../api/artifact.ts";
import { EvaluationSpec } from "../api/evaluation.ts";
import type { InferenceDeploymentSpec } from "../api/inference-deployment.ts";
import { inferenceDeployment } from "../api/kinds.ts";
import type { Plan } from "../api/status.ts";
import type { ExpectedInput } from "../estimates/model-figures.ts";
import type { Refusal } from "../estimates/refusal.ts";
import { refuseServing, servingPlan } from "../estimates/serving-plan.ts";
import {
  alignmentRunKind,
  contextExtensionKind,
  corpusKind,
  evaluationKind,
  pretrainRunKind,
} from "../kinds/index.ts";
import { modelReference } from "../kinds/stage-inputs.ts";
import {
  type ExpectedFigures,
  expectedAlignment,
  expectedBaseModel,
  expectedCorpus,
  expectedExtension,
} from "./expected-artifacts.ts";

/** An object as it is written, or as a cluster holds it. */
export interface PlannedObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  spec?: unknown;
  status?: { artifact?: Artifact };
}

type Inputs = ReadonlyMap<string, ExpectedInput>;

/** What planning needs of each of the six kinds. Specs are the admitted ones of that kind. */
export interface PlannedKind<Spec = unknown> {
  references(spec: Spec): Reference[];
  refuse(spec: Spec, inputs: Inputs): Refusal | undefined;
  plan(spec: Spec, inputs: Inputs): Plan;
  /** What the object will make; absent where nothing refers to it as an input. */
  expectedArtifact?(spec: Spec, inputs: Inputs, named: string): ExpectedFigures;
  /** What is wrong with the Evaluations that a deployment requires. */
  gates?(spec: Spec, evaluation: (name: string) => PlannedObject | undefined): Refusal[];
}

const serving: PlannedKind<z.output<typeof InferenceDeploymentSpec>> = {
  references: ({ model }) => {
    const reference = modelReference(model);
    return reference ? [reference] : [];
  },
  refuse: (spec, inputs) => refuseServing(spec, inputs.get("model")),
  plan: (spec, inputs) => servingPlan(spec, inputs.get("model")),
  gates: unmetGates,
};

export const plannedKinds: ReadonlyMap<string, PlannedKind> = new Map<string, PlannedKind>([
  [corpusKind.definition.resource.kind, { ...corpusKind, expectedArtifact: expectedCorpus }],
  [pretrainRunKind.definition.resource.kind, { ...pretrainRunKind, expectedArtifact: expectedBaseModel }],
  [
    contextExtensionKind.definition.resource.kind,
    { ...contextExtensionKind, expectedArtifact: expectedExtension },
  ],
  [alignmentRunKind.definition.resource.kind, { ...alignmentRunKind, expectedArtifact: expectedAlignment }],
  [evaluationKind.definition.resource.kind, evaluationKind],
  [inferenceDeployment.resource.kind, serving],
]);

/**
 * What is wrong with the Evaluations that a deployment requires: each must exist and be of the model that is
 * served.
 */
function unmetGates(
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
    // What the schema refuses of an Evaluation is said of that Evaluation.
    if (!asked.success) return [];
    if (asked.data.thresholds.length === 0) {
      const message = `Evaluation ${name} (spec.requires) has no thresholds; give it spec.thresholds, or it can never open this gate`;
      return [{ reason: "EvaluationNotPassed", message }];
    }
    if (isDeepStrictEqual(asked.data.model, spec.model)) return [];
    const message = `Evaluation ${name} (spec.requires) is of another model than spec.model; let both name the same, or it can never open this gate`;
    return [{ reason: "EvaluationNotPassed", message }];
  });
}
