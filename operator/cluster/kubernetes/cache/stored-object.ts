import type { KubernetesObject } from "../../objects.ts";
import type { Resource } from "../../resource.ts";

/** Where kubectl keeps a copy of the whole object. */
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/**
 * An object as the API server sent it, without what nobody here reads. The items of a list lack apiVersion
 * and kind where they are built in. Throws TypeError when it is none.
 */
export function readObject<T extends KubernetesObject>(resource: Resource<T>, value: unknown): T {
  const object = value as Partial<KubernetesObject> | null;
  const metadata = object?.metadata as
    | (KubernetesObject["metadata"] & { managedFields?: unknown })
    | undefined;
  if (typeof metadata?.uid !== "string" || typeof metadata.resourceVersion !== "string") {
    throw new TypeError(`the API server sent something that is no ${resource.kind}`);
  }
  delete metadata.managedFields;
  if (metadata.annotations?.[lastApplied] !== undefined) {
    delete metadata.annotations[lastApplied];
    if (Object.keys(metadata.annotations).length === 0) delete metadata.annotations;
  }
  return { ...object, apiVersion: resource.apiVersion, kind: resource.kind } as T;
}

/**
 * A page of a list. Throws TypeError when it is none: to take it for an empty one would be to lose every
 * object.
 */
export function readList<T extends KubernetesObject>(
  resource: Resource<T>,
  value: unknown,
): { items: T[]; version: string; next: string | undefined } {
  const list = value as {
    metadata?: { resourceVersion?: unknown; continue?: string };
    items?: unknown;
  } | null;
  const items = list?.items ?? []; // null where Go has no slice
  const version = list?.metadata?.resourceVersion;
  if (typeof version !== "string" || version === "" || !Array.isArray(items)) {
    throw new TypeError(`the API server sent something that is no list of ${resource.plural}`);
  }
  return {
    items: items.map((item) => readObject(resource, item)),
    version,
    next: list?.metadata?.continue || undefined,
  };
}

/**
 * Whether the first resourceVersion is later than the second. Within a resource they are whole numbers that
 * grow (KEP-5504), of any length, without leading zeros.
 */
export function isLater(one: string, other: string): boolean {
  return one.length === other.length ? one > other : one.length > other.length;
}
