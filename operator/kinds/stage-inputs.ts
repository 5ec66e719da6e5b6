import type { z } from "zod";
import type { Inputs, Reference, ResolvedInput } from "../api/artifact.ts";
import type { ClaimPath, ModelReference } from "../api/parts.ts";
import type { Mount } from "./batch-kind.ts";
import { claimNeed, type Need } from "./needs.ts";

/** How inputs reach a program: mounted at inputs/<name>, named by that path and, for artifacts, by digest. */

export interface ProgramInput {
  path: string;
  digest?: string;
}

type Model = z.output<typeof ModelReference>;

/** Role of the model among a run's inputs, and name of its mount. */
const model = "model";

/** Throws when the engine asks for stages before all inputs are there. */
export function requiredInput(inputs: Inputs, role: string): ResolvedInput {
  const input = inputs.get(role);
  if (!input) throw new TypeError(`input ${role} is not resolved; stages are asked for when all inputs are`);
  return input;
}

export const claimMount = (name: string, from: z.output<typeof ClaimPath>): Mount => ({
  name,
  claimName: from.claimName,
  path: from.path,
});

export const artifactMount = ({ role, artifact }: ResolvedInput): Mount => ({
  name: role,
  claimName: artifact.claimName,
  path: artifact.path,
});

export const mounted = (name: string): ProgramInput => ({ path: `inputs/${name}` });

export const artifactInput = ({ role, artifact }: ResolvedInput): ProgramInput => ({
  ...mounted(role),
  digest: artifact.digest,
});

/** The object a model reference names; undefined for an imported directory. */
export function modelReference(reference: Model): Reference | undefined {
  if (reference.pretrainRun) return { role: model, kind: "PretrainRun", name: reference.pretrainRun.name };
  if (reference.contextExtension)
    return { role: model, kind: "ContextExtension", name: reference.contextExtension.name };
  if (reference.alignmentRun) return { role: model, kind: "AlignmentRun", name: reference.alignmentRun.name };
  return undefined;
}

/** An imported directory. */
export const modelNeeds = ({ directory }: Model): Need[] =>
  directory ? [claimNeed(directory, "model.directory", { format: "model", parent: model })] : [];

export function modelMount(reference: Model, inputs: Inputs): Mount {
  return reference.directory
    ? claimMount(model, reference.directory)
    : artifactMount(requiredInput(inputs, model));
}

/** An imported directory has no digest that could be known beforehand: the program hashes what it reads. */
export function modelInput(reference: Model, inputs: Inputs): ProgramInput {
  return reference.directory ? mounted(model) : artifactInput(requiredInput(inputs, model));
}
