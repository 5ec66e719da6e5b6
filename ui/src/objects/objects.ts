import type { z } from "zod";
import type { TanrenObject } from "../../../operator/api/kinds.ts";
import type {
  AlignmentRunStatus,
  ContextExtensionStatus,
  CorpusStatus,
  EvaluationStatus,
  InferenceDeploymentStatus,
  PretrainRunStatus,
} from "../../../operator/api/status.ts";

/** Objects as the page shows them: any field of any kind's status may be present. */

export type Status = Partial<
  z.output<typeof CorpusStatus> &
    z.output<typeof PretrainRunStatus> &
    z.output<typeof ContextExtensionStatus> &
    z.output<typeof AlignmentRunStatus> &
    z.output<typeof EvaluationStatus> &
    z.output<typeof InferenceDeploymentStatus>
>;

export type AnyObject = TanrenObject<Record<string, unknown>, Status>;

/** The six kinds from source to endpoint. A test holds them against operator/api, whose schemas stay outside. */
export const kinds = {
  Corpus: { plural: "corpora", page: "corpus" },
  PretrainRun: { plural: "pretrainruns", page: "run" },
  ContextExtension: { plural: "contextextensions", page: "run" },
  AlignmentRun: { plural: "alignmentruns", page: "run" },
  Evaluation: { plural: "evaluations", page: "evaluation" },
  InferenceDeployment: { plural: "inferencedeployments", page: "endpoint" },
} as const;

export type Kind = keyof typeof kinds;

export const kindNames = Object.keys(kinds) as Kind[];

export const isKind = (word: string): word is Kind => Object.hasOwn(kinds, word);

export const kindOfPlural = (plural: string): Kind | undefined =>
  kindNames.find((kind) => kinds[kind].plural === plural);

export interface Identity {
  kind: Kind;
  namespace: string;
  name: string;
}

export const keyOf = ({ kind, namespace, name }: { kind: string; namespace: string; name: string }): string =>
  `${kind}/${namespace}/${name}`;

export const keyOfObject = ({ kind, metadata }: AnyObject): string => keyOf({ kind, ...metadata });

/** Path of the object below /api/objects/. */
export const apiPathOf = ({ kind, namespace, name }: Identity): string =>
  `/api/objects/${kinds[kind].plural}/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;

/** Address of the object's page. */
export const addressOf = ({ kind, namespace, name }: Identity, part = ""): string =>
  `#/${kinds[kind].plural}/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}${part && `/${part}`}`;

export function identityOf(object: AnyObject): Identity | undefined {
  const { kind, metadata } = object;
  return isKind(kind) ? { kind, namespace: metadata.namespace, name: metadata.name } : undefined;
}

/** The condition that decides whether the object is well. */
export const rootCondition = ({ kind, status }: Pick<AnyObject, "kind" | "status">) => {
  const type = kind === "InferenceDeployment" ? "Ready" : "Succeeded";
  return status?.conditions?.find((condition) => condition.type === type);
};

/** An object of one of the six kinds, with its identity. */
export interface Shown {
  object: AnyObject;
  identity: Identity;
}
