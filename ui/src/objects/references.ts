import { type AnyObject, type Identity, type Kind, keyOf, keyOfObject } from "./objects.ts";

/** What a spec refers to in its namespace, as planning reads it; a test holds the two together on the examples. */
export interface Reference extends Identity {
  role: string;
}

interface Named {
  name: string;
}

/** The fields of any kind's spec that refer to another object. */
interface ReferringSpec {
  corpus?: Named;
  tokenizer?: { fromCorpus?: Named };
  model?: { pretrainRun?: Named; contextExtension?: Named; alignmentRun?: Named };
  requires?: Named[];
}

export function referencesOf({ spec, metadata: { namespace } }: AnyObject): Reference[] {
  const { corpus, tokenizer, model, requires = [] } = (spec ?? {}) as ReferringSpec;
  const to = (role: string, kind: Kind, named: Named | undefined): Reference[] =>
    named === undefined ? [] : [{ role, kind, namespace, name: named.name }];
  return [
    ...to("tokenizer", "Corpus", tokenizer?.fromCorpus),
    ...to("model", "PretrainRun", model?.pretrainRun),
    ...to("model", "ContextExtension", model?.contextExtension),
    ...to("model", "AlignmentRun", model?.alignmentRun),
    ...to("corpus", "Corpus", corpus),
    ...requires.flatMap((one) => to("gate", "Evaluation", one)),
  ];
}

/** Digests of all artifacts an object has made, its stages' first. */
export const artifactsOf = ({ status }: AnyObject) => [
  ...new Map(
    [...(status?.stages ?? []).map(({ artifact }) => artifact), status?.artifact].flatMap((one) =>
      one === undefined ? [] : [[one.digest, one] as const],
    ),
  ).values(),
];

/**
 * Whether what `object` made or serves was made from another artifact than `parent` has now. Undefined while
 * either has none.
 */
export function isOutdated(object: AnyObject, parent: AnyObject): boolean | undefined {
  const own = object.status?.artifact ?? object.status?.served;
  // A gate is not what is served: it has to have looked at that.
  if (object.status?.served && parent.kind === "Evaluation") {
    const { modelDigest } = parent.status ?? {};
    return modelDigest === undefined ? undefined : modelDigest !== object.status.served.digest;
  }
  const now = artifactsOf(parent);
  if (own === undefined || now.length === 0) return undefined;
  const from = own.parents.filter(({ reference }) => reference === `${parent.kind}/${parent.metadata.name}`);
  // Of what is served, the artifact itself is the parent's.
  const digests = object.status?.served ? [object.status.served.digest] : from.map(({ digest }) => digest);
  if (digests.length === 0) return undefined;
  return !digests.some((digest) => now.some((artifact) => artifact.digest === digest));
}

/** Objects by the digests of the artifacts they made. */
export function makersByDigest(objects: Iterable<AnyObject>): ReadonlyMap<string, AnyObject> {
  const makers = new Map<string, AnyObject>();
  for (const object of objects)
    for (const { digest } of artifactsOf(object)) if (!makers.has(digest)) makers.set(digest, object);
  return makers;
}

/** Keys of what refers to each object. */
export function readersByKey(objects: Iterable<AnyObject>): ReadonlyMap<string, AnyObject[]> {
  const readers = new Map<string, AnyObject[]>();
  for (const object of objects) {
    for (const reference of referencesOf(object)) {
      const key = keyOf(reference);
      if (key === keyOfObject(object)) continue;
      const list = readers.get(key);
      if (list) list.push(object);
      else readers.set(key, [object]);
    }
  }
  return readers;
}
