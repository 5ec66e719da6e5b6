import type { z } from "zod";
import type { Reference } from "../api/artifact.ts";
import type { InferenceDeploymentSpec } from "../api/inference-deployment.ts";
import { inferenceDeployment } from "../api/kinds.ts";
import type { Plan } from "../api/status.ts";
import type { ForeseenInput } from "../estimates/model-figures.ts";
import type { Refusal } from "../estimates/refusal.ts";
import { refuseServing, servingPlan } from "../estimates/serving-plan.ts";
import { alignmentRunKind, contextExtensionKind, corpusKind, evaluationKind, pretrainRunKind } from "../kinds/index.ts";
import { unmetGates } from "../kinds/planning/gates.ts";
import { modelReference } from "../kinds/stage-inputs.ts";
import {
  type ForeseenFigures,
  foreseenAlignment,
  foreseenBaseModel,
  foreseenCorpus,
  foreseenExtension,
} from "./expected-artifacts.ts";
import type { PlannedObject } from "./manifests.ts";

type Inputs = ReadonlyMap<string, ForeseenInput>;

/** What planning needs of each of the six kinds. Specs are the admitted ones of that kind. */
export interface PlannedKind<Spec = unknown> {
  references(spec: Spec): Reference[];
  refuse(spec: Spec, inputs: Inputs): Refusal | undefined;
  plan(spec: Spec, inputs: Inputs): Plan;
  /** What the object will make; absent where nothing refers to it as an input. */
  foresee?(spec: Spec, inputs: Inputs, named: string): ForeseenFigures;
  /** Complaints about the Evaluations a deployment requires. */
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
  [corpusKind.definition.resource.kind, { ...corpusKind, foresee: foreseenCorpus }],
  [pretrainRunKind.definition.resource.kind, { ...pretrainRunKind, foresee: foreseenBaseModel }],
  [contextExtensionKind.definition.resource.kind, { ...contextExtensionKind, foresee: foreseenExtension }],
  [alignmentRunKind.definition.resource.kind, { ...alignmentRunKind, foresee: foreseenAlignment }],
  [evaluationKind.definition.resource.kind, evaluationKind],
  [inferenceDeployment.resource.kind, serving],
]);
