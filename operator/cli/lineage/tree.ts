import type { Artifact } from "../../api/artifact.ts";
import { kindKeyOf } from "../../cluster/object-key.ts";
import { type Gate, gateOf } from "../../kinds/inference-deployment/kind.ts";
import { type AnyObject, rootCondition } from "../kinds.ts";
import { type DataUsed, type Ingredient, ingredientsOf } from "./ingredients.ts";

/**
 * What objects are made from, down to what people brought: references and data by the specs, digests by the
 * artifacts that there are and by their manifests.
 */

export interface TreeNode {
  /** What it is for the node above it, e.g. corpus; absent at the top. */
  role?: string;
  object?: { kind: string; namespace: string; name: string };
  /** Why the object is as it is; absent while no operator has looked, or where it is not there. */
  reason?: string;
  /** Absent where the object has made nothing yet. Of an InferenceDeployment: what it serves. */
  artifact?: Pick<Artifact, "type" | "stage" | "digest" | "sizeBytes" | "claimName" | "path">;
  /** Artifacts of the stages before the last. */
  stages?: { stage: string; digest: string }[];
  /** The object that is referred to is not there. */
  absent?: boolean;
  data?: Omit<DataUsed, "parent">;
  rules?: Record<string, unknown>;
  /** Digest of the data, or of the artifact of an object that is gone, as what was made from it recorded it. */
  recorded?: string;
  /** The node above was made from this digest; the object has another artifact now. */
  madeFrom?: string;
  gate?: Gate;
  /** Its parents are shown where it stands above. */
  repeated: boolean;
  parents: TreeNode[];
}

/** Parents in the manifest of an artifact, by its digest; undefined where the manifest cannot be read. */
export type ManifestParents = (digest: string) => readonly { name: string; digest: string }[] | undefined;

/** Trees of all objects: deployments first, then what nothing refers to. What stands twice is unfolded once. */
export function treesOf(objects: readonly AnyObject[], manifestParents: ManifestParents): TreeNode[] {
  const forest = new Forest(objects, manifestParents);
  const used = new Set(
    objects.flatMap((object) => ingredientsOf(object).flatMap((one) => keyOfIngredient(object, one) ?? [])),
  );
  const inOrder = [
    ...objects.filter(({ kind }) => kind === "InferenceDeployment"),
    ...objects.filter((object) => !used.has(keyOfObject(object))),
    // References in a circle have no end to begin at.
    ...objects,
  ];
  return inOrder.flatMap((object) => (forest.isShown(object) ? [] : [forest.grow(object)]));
}

/** The tree of one object. */
export function treeOf(
  root: AnyObject,
  objects: readonly AnyObject[],
  manifestParents: ManifestParents,
): TreeNode {
  return new Forest(objects, manifestParents).grow(root);
}

/** Objects that made an artifact, by its digest or the beginning of it. */
export function makersOf(objects: readonly AnyObject[], digest: string): AnyObject[] {
  return objects.filter((object) =>
    artifactsOf(object).some((artifact) => artifact.digest.startsWith(digest)),
  );
}

/** Artifacts of an object, its stages' first, each once. What a deployment serves is another's. */
export function artifactsOf({ status }: AnyObject): Artifact[] {
  const all = [...(status?.stages ?? []).map((stage) => stage.artifact), status?.artifact];
  return [...new Map(all.flatMap((one) => (one ? [[one.digest, one] as const] : []))).values()];
}

const keyOfObject = ({ kind, metadata }: AnyObject) => kindKeyOf({ kind, ...metadata });

function keyOfIngredient({ metadata: { namespace } }: AnyObject, one: Ingredient): string | undefined {
  if ("gate" in one) return kindKeyOf({ kind: "Evaluation", namespace, name: one.gate });
  return "reference" in one ? kindKeyOf({ ...one.reference, namespace }) : undefined;
}

class Forest {
  readonly #objects: ReadonlyMap<string, AnyObject>;
  readonly #manifestParents: ManifestParents;
  readonly #shown = new Set<string>();

  constructor(objects: readonly AnyObject[], manifestParents: ManifestParents) {
    this.#objects = new Map(objects.map((object) => [keyOfObject(object), object]));
    this.#manifestParents = manifestParents;
  }

  isShown(object: AnyObject): boolean {
    return this.#shown.has(keyOfObject(object));
  }

  grow(object: AnyObject): TreeNode {
    const { kind, metadata, status } = object;
    const ingredients = ingredientsOf(object);
    const repeated = this.isShown(object) && ingredients.length > 0;
    this.#shown.add(keyOfObject(object));
    const artifact = status?.artifact ?? status?.served;
    const earlier = artifactsOf(object).filter(({ digest }) => digest !== artifact?.digest);
    return {
      object: { kind, namespace: metadata.namespace, name: metadata.name },
      reason: rootCondition(object)?.reason,
      artifact: artifact && placed(artifact),
      stages: earlier.length > 0 ? earlier.map(({ stage, digest }) => ({ stage, digest })) : undefined,
      repeated,
      parents: repeated ? [] : ingredients.map((one) => this.#branch(object, one)),
    };
  }

  #branch(object: AnyObject, ingredient: Ingredient): TreeNode {
    const { role } = ingredient;
    const leaf = { role, repeated: false, parents: [] };
    if ("rules" in ingredient) return { ...leaf, rules: ingredient.rules };
    if ("data" in ingredient) {
      const { parent, ...data } = ingredient.data;
      return { ...leaf, data, recorded: this.#recordedData(object, parent) };
    }
    const { namespace } = object.metadata;
    const isGate = "gate" in ingredient;
    const named = isGate ? { kind: "Evaluation", name: ingredient.gate } : ingredient.reference;
    const found = this.#objects.get(kindKeyOf({ ...named, namespace }));
    const gate = isGate ? gateOf(found, this.#modelDigest(object)) : undefined;
    const recorded = recordedInput(object, `${named.kind}/${named.name}`, role);
    if (found === undefined)
      return { ...leaf, object: { ...named, namespace }, absent: true, recorded, gate };
    const madeFrom = recorded !== found.status?.artifact?.digest ? recorded : undefined;
    return { ...this.grow(found), role, madeFrom, gate };
  }

  /** The artifact that the object's model has now. */
  #modelDigest(object: AnyObject): string | undefined {
    const model = ingredientsOf(object).find((one) => "reference" in one && one.role === "model");
    const key = model && keyOfIngredient(object, model);
    return key === undefined ? undefined : this.#objects.get(key)?.status?.artifact?.digest;
  }

  #recordedData(object: AnyObject, parent: string): string | undefined {
    return artifactsOf(object)
      .toReversed()
      .flatMap(({ digest }) => this.#manifestParents(digest) ?? [])
      .find(({ name }) => name === parent)?.digest;
  }
}

/** What the object's artifact says of an input; of a deployment's model: what it serves. */
function recordedInput({ status }: AnyObject, reference: string, role: string): string | undefined {
  if (role === "model" && status?.served !== undefined) return status.served.digest;
  return status?.artifact?.parents.find((parent) => parent.reference === reference)?.digest;
}

const placed = ({ type, stage, digest, sizeBytes, claimName, path }: Artifact) => ({
  type,
  stage,
  digest,
  sizeBytes,
  claimName,
  path,
});
