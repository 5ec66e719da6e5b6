import type { AnyObject } from "./objects.ts";
import { phaseOf, reasonOf } from "./phase.ts";
import { artifactsOf } from "./references.ts";

/**
 * Whether an object is meant by every word of a filter: a part of its name, kind, namespace, phase or reason, a
 * label as key=value, or the beginning of a digest.
 */
export function matches(object: AnyObject, filter: string): boolean {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const { name, namespace, labels = {} } = object.metadata;
  const told = [name, namespace, object.kind, phaseOf(object), reasonOf(object)].map((one) =>
    one.toLowerCase(),
  );
  return words.every(
    (word) =>
      told.some((one) => one.includes(word)) ||
      Object.entries(labels).some(([key, value]) => `${key}=${value}`.toLowerCase().includes(word)) ||
      (word.length >= 6 && hasDigest(object, word)),
  );
}

const hasDigest = (object: AnyObject, word: string): boolean =>
  [...artifactsOf(object), object.status?.served].some((artifact) =>
    [artifact?.digest, ...(artifact?.parents ?? []).map(({ digest }) => digest)].some(
      (digest) => digest?.startsWith(word) || digest?.startsWith(`sha256:${word}`),
    ),
  );
