import type { z } from "zod";
import type { ClaimPath, Compute, ServingCompute, Storage } from "../api/parts.ts";
import type { Refusal } from "../estimates/refusal.ts";
import type { DataFormat } from "./data-formats.ts";

/**
 * What an object needs beside objects of the six kinds. Each kind declares it once; validate, plan, run and
 * the operator judge it alike, each as far as it may look.
 */

export type NeededKind =
  | "PersistentVolumeClaim"
  | "Secret"
  | "ServiceAccount"
  | "PriorityClass"
  | "StorageClass"
  | "LocalQueue";

export interface Need {
  kind: NeededKind;
  name: string;
  /** What names it, below spec. */
  field: string;
  /** What is read of a claim. */
  data?: Data;
}

/** What must lie on a claim. */
export interface Data {
  /** Below the claim's root. */
  path: string;
  /** What names the path, below spec. */
  field: string;
  format: DataFormat;
  /** Its name among the parents in an artifact's manifest. */
  parent: string;
  /** Glob patterns of the files below a directory. */
  include?: readonly string[];
  /** Field or column of the texts; absent: text. */
  textField?: string;
}

/** A claim that is read. `field` is the ClaimPath's, below spec. */
export const claimNeed = (
  { claimName, path }: z.output<typeof ClaimPath>,
  field: string,
  { format, parent, include, textField }: Pick<Data, "format" | "parent" | "include" | "textField">,
): Need => ({
  kind: "PersistentVolumeClaim",
  name: claimName,
  field: `${field}.claimName`,
  data: { path, field: `${field}.path`, format, parent, include, textField },
});

export function computeNeeds(compute: z.output<typeof Compute> | z.output<typeof ServingCompute>): Need[] {
  const { priorityClassName, serviceAccountName, imagePullSecrets = [] } = compute;
  const queueName = "queueName" in compute ? compute.queueName : undefined;
  return [
    ...named("PriorityClass", priorityClassName, "compute.priorityClassName"),
    ...named("LocalQueue", queueName, "compute.queueName"),
    ...named("ServiceAccount", serviceAccountName, "compute.serviceAccountName"),
    ...imagePullSecrets.flatMap(({ name }, index) =>
      named("Secret", name, `compute.imagePullSecrets[${index}].name`),
    ),
  ];
}

export function storageNeeds({ claimName, storageClassName }: z.output<typeof Storage>): Need[] {
  return [
    ...named("PersistentVolumeClaim", claimName, "storage.claimName"),
    ...named("StorageClass", storageClassName, "storage.storageClassName"),
  ];
}

export const named = (kind: NeededKind, name: string | undefined, field: string): Need[] =>
  name === undefined ? [] : [{ kind, name, field }];

const scopes: Record<NeededKind, string> = {
  PersistentVolumeClaim: "in this namespace",
  Secret: "in this namespace",
  ServiceAccount: "in this namespace",
  LocalQueue: "in this namespace",
  PriorityClass: "in this cluster",
  StorageClass: "in this cluster",
};

/** `name`: of the claim that would be made for a run. */
export const claimNameTaken = (name: string): Refusal => ({
  reason: "NameTaken",
  message: `PersistentVolumeClaim ${name} exists and is not this run's; delete it, or name it in spec.storage.claimName`,
});

/** The one sentence about something that is named and not there. */
export const missingNeed = ({ kind, name, field }: Need): Refusal => ({
  reason: "InputNotFound",
  message: `${kind} ${name} (spec.${field}) does not exist ${scopes[kind]}; create it or correct the name`,
});
