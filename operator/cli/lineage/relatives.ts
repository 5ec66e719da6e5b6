import { kindKeyOf } from "../../cluster/object-key.ts";
import type { AnyObject } from "../kinds.ts";
import { ingredientsOf } from "./ingredients.ts";

/** Objects of a namespace that an object is made from, and that are made from it, by their specs. */

/** What the object refers to, however far. Specs of others are not looked at. */
export function ancestorsOf(object: AnyObject, others: readonly AnyObject[]): AnyObject[] {
  const byKey = new Map(others.map((one) => [keyOf(one), one]));
  const found = new Set<AnyObject>();
  const look = (from: AnyObject) => {
    for (const key of parentKeys(from)) {
      const parent = byKey.get(key);
      if (parent === undefined || found.has(parent) || key === keyOf(object)) continue;
      found.add(parent);
      look(parent);
    }
  };
  look(object);
  return [...found];
}

/** What refers to the object, however far. */
export function descendantsOf(object: AnyObject, others: readonly AnyObject[]): AnyObject[] {
  const parents = new Map(others.map((one) => [one, new Set(parentKeys(one))]));
  const reached = new Set([keyOf(object)]);
  for (const parent of reached)
    for (const [child, of] of parents) if (of.has(parent)) reached.add(keyOf(child));
  reached.delete(keyOf(object));
  return others.filter((one) => reached.has(keyOf(one)));
}

const keyOf = ({ kind, metadata }: AnyObject) => kindKeyOf({ kind, ...metadata });

function parentKeys(object: AnyObject): string[] {
  const { namespace } = object.metadata;
  return ingredientsOf(object).flatMap((one) => {
    if ("gate" in one) return [kindKeyOf({ kind: "Evaluation", namespace, name: one.gate })];
    return "reference" in one ? [kindKeyOf({ ...one.reference, namespace })] : [];
  });
}
