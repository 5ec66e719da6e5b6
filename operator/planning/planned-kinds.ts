import type { z } from "zod";
import type { Artifact, Reference } from "../api/artifact.ts";
import type { InferenceDeploymentSpec } from "../api/inference-deployment.ts";
import { inferenceDeployment } from "../api/kinds.ts";
import type { Plan } from "../api/status.ts";
import type { Condition } from "../cluster/objects.ts";
import type { ExpectedInput } from "../estimates/model-figures.ts";
import type { Refusal } from "../estimates/refusal.ts";
import { refuseServing, servingPlan } from "../estimates/serving-plan.ts";
import { type BatchKind, needsOfRun } from "../kinds/batch-kind.ts";
import {
  alignmentRunKind,
  contextExtensionKind,
  corpusKind,
  evaluationKind,
  pretrainRunKind,
} from "../kinds/index.ts";
import { refuseGate, servingNeeds, servingReferences } from "../kinds/inference-deployment/kind.ts";
import type { Need } from "../kinds/needs.ts";
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
  status?: { artifact?: Artifact; conditions?: Condition[] };
}

type Inputs = ReadonlyMap<string, ExpectedInput>;

/** What planning needs of each of the six kinds. Specs are the admitted ones of that kind. */
export interface PlannedKind<Spec = unknown> {
  references(spec: Spec): Reference[];
  needs(spec: Spec): Need[];
  refuse(spec: Spec, inputs: Inputs): Refusal | undefined;
  plan(spec: Spec, inputs: Inputs): Plan;
  /** What the object will make; absent where nothing refers to it as an input. */
  expectedArtifact?(spec: Spec, inputs: Inputs, named: string): ExpectedFigures;
  /** Evaluations that must have passed. */
  gates?(spec: Spec): string[];
  refuseGate?(spec: Spec, evaluation: PlannedObject): Refusal | undefined;
}

const serving: PlannedKind<z.output<typeof InferenceDeploymentSpec>> = {
  references: servingReferences,
  needs: servingNeeds,
  refuse: (spec, inputs) => refuseServing(spec, inputs.get("model")),
  plan: (spec, inputs) => servingPlan(spec, inputs.get("model")),
  gates: ({ requires }) => requires.map(({ name }) => name),
  refuseGate,
};

const planned = <Spec>(
  kind: BatchKind<Spec>,
  expectedArtifact?: PlannedKind<Spec>["expectedArtifact"],
): [string, PlannedKind] => {
  const { references, refuse, plan } = kind;
  const needs = (spec: Spec) => needsOfRun(kind, spec);
  return [
    kind.definition.resource.kind,
    { references, refuse, plan, needs, expectedArtifact } as PlannedKind,
  ];
};

export const plannedKinds: ReadonlyMap<string, PlannedKind> = new Map([
  planned(corpusKind, expectedCorpus),
  planned(pretrainRunKind, expectedBaseModel),
  planned(contextExtensionKind, expectedExtension),
  planned(alignmentRunKind, expectedAlignment),
  planned(evaluationKind),
  [inferenceDeployment.resource.kind, serving as PlannedKind],
]);
