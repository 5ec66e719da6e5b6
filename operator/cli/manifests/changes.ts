import { kindKeyOf } from "../../cluster/object-key.ts";
import { type Cluster, ClusterError, InvalidError } from "../../cluster/port.ts";
import { Failure } from "../failure.ts";
import { type AnyObject, title } from "../kinds.ts";
import type { Target } from "../target/target.ts";
import { InvalidManifests, type Problem } from "./documents.ts";
import { admitSpec, type Manifest, pathOf, problemAt } from "./manifest.ts";

/**
 * Compares manifests with existing objects: the spec of a started run cannot change. Throws InvalidManifests.
 */
export function checkChanges(
  manifests: readonly Manifest[],
  present: readonly AnyObject[],
  target: Pick<Target, "hint">,
): void {
  const problems = manifests.flatMap((manifest) => problemsOfChange(manifest, present, target));
  if (problems.length > 0) throw new InvalidManifests(problems);
}

function problemsOfChange(
  { kind, object, document }: Manifest,
  present: readonly AnyObject[],
  target: Pick<Target, "hint">,
): Problem[] {
  const name = title(object);
  const key = kindKeyOf({ kind: object.kind, ...object.metadata });
  const old = present.find((one) => kindKeyOf({ kind: one.kind, ...one.metadata }) === key);
  if (old === undefined || kind === undefined) return [];
  if (old.metadata.deletionTimestamp !== undefined) {
    return [
      problemAt(document, name, [], `is being deleted; wait until ${target.hint("get")} no longer shows it`),
    ];
  }
  const admitted = admitSpec(kind, object, old);
  if ("spec" in admitted) return [];
  return admitted.problems.map(({ path, message }) => problemAt(document, name, path, message));
}

/** Applies the manifests: claims and secrets before what uses them. A repeat changes nothing. */
export async function applyManifests(
  cluster: Pick<Cluster, "apply">,
  manifests: readonly Manifest[],
): Promise<void> {
  const inOrder = [
    ...manifests.filter(({ kind }) => kind === undefined),
    ...manifests.filter(({ kind }) => kind !== undefined),
  ];
  for (const { resource, object } of inOrder) await cluster.apply(resource, object);
}

/** Checks each manifest by a dry run, where there is an API server. Throws InvalidManifests. */
export async function checkOnServer(target: Target, manifests: readonly Manifest[]): Promise<void> {
  const connection = await target.peek();
  const tryApply = connection?.tryApply;
  if (tryApply === undefined) return;
  const problems = await Promise.all(
    manifests.map(async ({ resource, object, document }): Promise<Problem[]> => {
      const name = title(object);
      try {
        await tryApply(resource, object);
        return [];
      } catch (error) {
        if (error instanceof InvalidError)
          return error.causes.map(({ field, message }) => problemAt(document, name, pathOf(field), message));
        if (error instanceof Failure || !(error instanceof ClusterError)) throw error;
        return [problemAt(document, name, [], error.message)];
      }
    }),
  );
  if (problems.flat().length > 0) throw new InvalidManifests(problems.flat());
}
