import { createHash } from "node:crypto";
import type { KubernetesObject, OwnerReference } from "../cluster/objects.ts";

/**
 * Names and labels of what is made for an object. Names are deterministic, so that making something twice
 * makes it once.
 */

export const labels = {
  kind: "tanren.dev/kind",
  name: "tanren.dev/name",
  uid: "tanren.dev/uid",
  stage: "tanren.dev/stage",
  attempt: "tanren.dev/attempt",
} as const;

/** What every object carries that was made for another. */
export const managed = { "app.kubernetes.io/managed-by": "tanren" } as const;

/** A Job's pods are named after it with "-<index>-<5 characters>", and a host name has at most 63. */
export const longestJobName = 52;
const longestLabel = 63;

/**
 * The name as an RFC 1035 label, which Services and host names must be. A name that is none, or is too long,
 * is cut and told apart by a hash of the whole.
 */
export function dnsLabel(name: string, longest = longestLabel): string {
  if (name.length <= longest && /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name)) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 8);
  const clean = name.replaceAll(/[^-a-z0-9]/g, "-").replace(/^(?=[^a-z])/, "t");
  return `${clean.slice(0, longest - hash.length - 1).replace(/-+$/, "")}-${hash}`;
}

/**
 * `<kind>-<run>-<stage>-<attempt>`, of the Job, its ConfigMap and its headless Service: kinds share stage
 * names, and may share run names.
 */
export function attemptName(
  run: Pick<KubernetesObject, "kind" | "metadata">,
  stage: string,
  attempt: number,
): string {
  const number = `-${attempt}`;
  return (
    dnsLabel(`${run.kind.toLowerCase()}-${run.metadata.name}-${stage}`, longestJobName - number.length) +
    number
  );
}

/** The claim that is made for a run which names none. */
export const ownClaimName = (kind: string, name: string): string => dnsLabel(`${kind.toLowerCase()}-${name}`);

/** Claim that a run writes to: one that exists, or its own. */
export const claimNameOf = (
  run: Pick<KubernetesObject, "kind" | "metadata">,
  { claimName }: { claimName?: string },
): string => claimName ?? ownClaimName(run.kind, run.metadata.name);

/** Finds everything that was made for the object, and nothing of a namesake before or after it. */
export const ownedBy = (owner: KubernetesObject) => ({ [labels.uid]: owner.metadata.uid });

export function childLabels(owner: KubernetesObject): Record<string, string> {
  return {
    ...managed,
    "app.kubernetes.io/part-of": "tanren",
    [labels.kind]: owner.kind,
    [labels.name]: owner.metadata.name,
    ...ownedBy(owner),
  };
}

export function controllerReference(owner: KubernetesObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return {
    apiVersion,
    kind,
    name: metadata.name,
    uid: metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/**
 * The object of a kind that a child was made for. Pods are owned by a Job or a ReplicaSet, so for them the
 * labels tell.
 */
export function ownerOf(
  kind: string,
  child: KubernetesObject,
): { namespace: string; name: string } | undefined {
  const { namespace, ownerReferences, labels: own } = child.metadata;
  const reference = ownerReferences?.find(({ controller }) => controller);
  if (reference?.kind === kind) return { namespace, name: reference.name };
  const name = own?.[labels.name];
  return own?.[labels.kind] === kind && name !== undefined ? { namespace, name } : undefined;
}

export const controllerUid = (object: KubernetesObject): string | undefined =>
  object.metadata.ownerReferences?.find((reference) => reference.controller)?.uid;
