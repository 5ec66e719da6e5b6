import { connectLocal, type ReadableCluster, readAtRest } from "../cluster/local/index.ts";
import { Failure } from "./failure.ts";
import { type AnyObject, kinds, type ObjectReference } from "./kinds.ts";

/** What reading commands need: the cluster of the operator that runs on the state directory, or its state at rest. */
export interface Session {
  cluster: ReadableCluster;
}

export async function withSession<T>(stateDirectory: string, work: (session: Session) => Promise<T>): Promise<T> {
  const connection = await connectLocal(stateDirectory);
  if (connection === undefined) return work({ cluster: atRest(stateDirectory) });
  try {
    return await work({ cluster: connection });
  } finally {
    connection.close();
  }
}

function atRest(stateDirectory: string): ReadableCluster {
  const cluster = readAtRest(stateDirectory);
  if (cluster) {
    process.stderr.write(`no operator runs on ${stateDirectory}: this is how it was left\n`);
    return cluster;
  }
  throw new Failure(
    "notFound",
    `${stateDirectory} holds no state; name it with --state, or make it with "tanren run -f DIR"`,
  );
}

/** Every object of the six kinds; none where there is no state yet. */
export async function presentObjects(stateDirectory: string): Promise<AnyObject[]> {
  const connection = await connectLocal(stateDirectory);
  const cluster = connection ?? readAtRest(stateDirectory);
  try {
    const lists = cluster ? await Promise.all(kinds.map((kind) => cluster.list(kind.resource))) : [];
    return lists.flat();
  } finally {
    connection?.close();
  }
}

/** The object, or the sentence that it is not there. */
export async function findObject(
  cluster: Pick<ReadableCluster, "get">,
  { kind, name }: ObjectReference,
  namespace = "default",
): Promise<AnyObject> {
  const object = await cluster.get(kind.resource, namespace, name);
  if (object) return object;
  const list = `"tanren get ${kind.resource.plural}"`;
  throw new Failure(
    "notFound",
    `there is no ${kind.resource.kind} ${name} in namespace ${namespace}; ${list} lists those there are`,
  );
}
