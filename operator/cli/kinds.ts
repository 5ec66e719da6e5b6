import type { z } from "zod";
import { kinds as definitions, type KindDefinition, type TanrenObject } from "../api/kinds.ts";
import type {
  AlignmentRunStatus,
  ContextExtensionStatus,
  CorpusStatus,
  EvaluationStatus,
  InferenceDeploymentStatus,
  PretrainRunStatus,
} from "../api/status.ts";
import type { Resource } from "../cluster/resource.ts";
import { Failure } from "./failure.ts";

/** The six kinds as the command shows them: any field of any kind's status may be present. */

export type AnyStatus = Partial<
  z.output<typeof CorpusStatus> &
    z.output<typeof PretrainRunStatus> &
    z.output<typeof ContextExtensionStatus> &
    z.output<typeof AlignmentRunStatus> &
    z.output<typeof EvaluationStatus> &
    z.output<typeof InferenceDeploymentStatus>
>;

export type AnyObject = TanrenObject<Record<string, unknown>, AnyStatus>;

export interface Kind extends Omit<KindDefinition, "resource"> {
  resource: Resource<AnyObject>;
}

export const kinds = definitions as unknown as readonly Kind[];

/** Root condition: what decides whether the object is well. */
export const rootCondition = (object: Pick<AnyObject, "kind" | "status">) => {
  const type = isServing(object.kind) ? "Ready" : "Succeeded";
  return object.status?.conditions?.find((condition) => condition.type === type);
};

export const isServing = (kind: string): boolean => kind === "InferenceDeployment";

/** Where an InferenceDeployment is reached; undefined while no replica is ready. */
export const endpointOf = ({ status }: AnyObject): string | undefined =>
  (status?.readyReplicas ?? 0) > 0 ? status?.url : undefined;

/** Kind by any of its names, in any case: PretrainRun, pretrainruns, ptr. */
export function parseKind(word: string): Kind {
  const wanted = word.toLowerCase();
  const found = kinds.find((kind) =>
    [kind.singular, kind.resource.plural, ...kind.shortNames].includes(wanted),
  );
  if (found) return found;
  const known = kinds
    .map((kind) => `${kind.resource.kind} (${kind.resource.plural}, ${kind.shortNames.join(", ")})`)
    .join("; ");
  throw new Failure("usage", `there is no kind "${word}"; kinds are: ${known}`);
}

export interface ObjectReference {
  kind: Kind;
  name: string;
}

/** `KIND NAME` or `KIND/NAME`. */
export function parseReference(kindOrBoth: string, name?: string): ObjectReference {
  const [kind = "", inner] = kindOrBoth.split("/", 2);
  const named = name ?? inner;
  if (named === undefined || named === "" || (name !== undefined && inner !== undefined)) {
    throw new Failure(
      "usage",
      `"${[kindOrBoth, name].filter(Boolean).join(" ")}" names no object; write KIND NAME or KIND/NAME, e.g. pretrainrun/base`,
    );
  }
  return { kind: parseKind(kind), name: named };
}

export const title = (object: { kind: string; metadata: { name: string } }): string =>
  `${object.kind}/${object.metadata.name}`;
