import { Failure } from "./failure.ts";
import { type AnyObject, kinds, type ObjectReference } from "./kinds.ts";
import { loadManifests } from "./manifests/load.ts";
import type { Manifest } from "./manifests/manifest.ts";
import type { Connection, Target } from "./target/target.ts";

/** What several commands do with their target. */

export async function withConnection<T>(
  target: Target,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await target.connect();
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}

/** Manifests as they would be applied in the target. */
export async function manifestsFor(
  target: Target,
  { filename, namespace }: { filename: readonly string[]; namespace?: string },
): Promise<Manifest[]> {
  return loadManifests(filename, {
    required: namespace,
    namespace: namespace ?? (await target.namespace()),
    hasLocalPaths: target.hasLocalPaths,
  });
}

/**
 * Every object of the six kinds in the namespaces of the manifests, where references lead; none where there
 * is nothing yet.
 */
export async function presentObjects(target: Target, manifests: readonly Manifest[]): Promise<AnyObject[]> {
  const connection = await target.peek();
  if (connection === undefined) return [];
  try {
    return await objectsIn(connection, new Set(manifests.map(({ object }) => object.metadata.namespace)));
  } finally {
    connection.close();
  }
}

export async function objectsIn(
  { cluster }: Pick<Connection, "cluster">,
  namespaces: Iterable<string>,
): Promise<AnyObject[]> {
  const lists = [...namespaces].flatMap((namespace) =>
    kinds.map((kind) => cluster.list(kind.resource, { namespace })),
  );
  return (await Promise.all(lists)).flat();
}

/** The object, or the sentence that it is not there. */
export async function findObject(
  { cluster, where }: Pick<Connection, "cluster" | "where">,
  target: Target,
  { kind, name }: ObjectReference,
  given: string | undefined,
): Promise<AnyObject> {
  const namespace = given ?? (await target.namespace());
  const object = await cluster.get(kind.resource, namespace, name);
  if (object) return object;
  const list = target.hint(`get ${kind.resource.plural} -A`);
  throw new Failure(
    "notFound",
    `there is no ${kind.resource.kind} ${name} in namespace ${namespace} of ${where}; ${list} lists those there are`,
  );
}
