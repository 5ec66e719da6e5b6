import { kindKeyOf } from "../../cluster/object-key.ts";
import { type Cluster, ForbiddenError } from "../../cluster/port.ts";
import { namespaces, pods } from "../../cluster/resource.ts";
import { ownedBy } from "../../engine/names.ts";
import { planManifests } from "../../planning/manifests.ts";
import type { ObjectPlan, Session } from "../../ui-server/contract.ts";
import { HttpError } from "../../ui-server/http-error.ts";
import type { LogChoice, View, ViewedObject } from "../../ui-server/view.ts";
import { choosePods } from "../commands/logs.ts";
import { Failure } from "../failure.ts";
import { type AnyObject, kinds } from "../kinds.ts";
import { ancestorsOf } from "../lineage/relatives.ts";
import { planInputs } from "../planning.ts";
import { objectsIn } from "../session.ts";
import type { Connection, Target } from "../target/target.ts";

/** What a target shows to the page. */

/** How long it takes until the page of a state directory sees that an operator has started on it. */
const lookMilliseconds = 1000;

export async function openView(target: Target): Promise<View> {
  const { claimDirectory } = target;
  const listeners = new Set<(sentence: string) => void>();
  const connection = await answered(
    target.peek((sentence) => {
      for (const call of [...listeners]) call(sentence);
    }),
  );
  if (connection === undefined)
    throw new HttpError(404, `there is nothing to look at yet; ${target.hint("run -f DIR")} makes something`);
  const { cluster } = connection;
  const watch = cluster.watch?.bind(cluster);
  return {
    cluster: {
      get: (...input) => answered(cluster.get(...input)),
      list: (...input) => answered(cluster.list(...input)),
      watch: watch && watchOf(watch),
    },
    session: () => answered(sessionOf(target, connection)),
    plan: (object) => answered(planOf(connection, object)),
    logs: (object, choice) => logsOf(target, connection, object, choice),
    claimDirectory: claimDirectory && ((...claim) => answered(claimDirectory(...claim))),
    reach: (deployment) => answered(connection.reach(deployment as AnyObject)),
    onChange(call) {
      listeners.add(call);
      const stopLooking = watch ? () => {} : whenWatched(target, call);
      return () => {
        listeners.delete(call);
        stopLooking();
      };
    },
    close: () => connection.close(),
  };
}

const watchOf =
  (watch: Cluster["watch"]): Cluster["watch"] =>
  (...input) => {
    const opened = watch(...input);
    return { synced: answered(opened.synced), close: () => opened.close() };
  };

async function answered<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw error instanceof Failure ? new HttpError(statusOf(error), error.message) : error;
  }
}

function statusOf({ exitCode }: Failure): HttpError["status"] {
  if (exitCode === "notFound") return 404;
  return exitCode === "usage" || exitCode === "invalid" ? 400 : 502;
}

async function sessionOf(target: Target, connection: Connection): Promise<Omit<Session, "version">> {
  const isLocal = target.claimDirectory !== undefined;
  const [user, all] = await Promise.all([
    target.whoAmI?.(),
    isLocal ? usedNamespaces(connection) : listedNamespaces(connection),
  ]);
  return {
    where: isLocal ? "local" : "cluster",
    name: connection.where,
    namespace: await target.namespace(),
    namespaces: all,
    ...(user !== undefined && { user }),
  };
}

/** A state directory has no objects that are namespaces. */
async function usedNamespaces({ cluster }: Connection): Promise<string[]> {
  const lists = await Promise.all(kinds.map(({ resource }) => cluster.list(resource)));
  return [...new Set(lists.flat().map(({ metadata }) => metadata.namespace))].sort();
}

async function listedNamespaces({ cluster }: Connection): Promise<string[] | null> {
  try {
    return (await cluster.list(namespaces)).map(({ metadata }) => metadata.name).sort();
  } catch (error) {
    if (error instanceof ForbiddenError) return null;
    throw error;
  }
}

/** As `tanren plan` says it of the object's manifest, beside what is there. */
async function planOf(connection: Connection, object: ViewedObject): Promise<ObjectPlan> {
  const { namespace, name } = object.metadata;
  const others = ancestorsOf(object as AnyObject, await objectsIn(connection, [namespace]));
  const key = kindKeyOf({ kind: object.kind, namespace, name });
  const plans = planManifests(planInputs([object as AnyObject], others));
  const plan = plans.find((one) => kindKeyOf(one) === key);
  if (plan) return plan;
  throw new HttpError(404, `${object.kind} ${name} has no plan`);
}

async function* logsOf(
  target: Target,
  { cluster }: Connection,
  object: ViewedObject,
  { stage, attempt, pod, tailLines }: LogChoice,
): AsyncGenerator<string> {
  const { namespace } = object.metadata;
  const all = await answered(cluster.list(pods, { namespace, labels: ownedBy(object) }));
  const chosen = await answered(
    (async () => choosePods(all, object as AnyObject, { stage, attempt }, target))(),
  );
  const named = chosen.filter(({ metadata }) => pod === undefined || metadata.name === pod);
  if (named.length === 0)
    throw new HttpError(
      404,
      `${pod} is no pod of that attempt; its pods are ${chosen.map(nameOf).join(", ")}`,
    );
  for (const one of named) {
    if (named.length > 1) yield `==> ${nameOf(one)} <==\n`;
    yield* cluster.logs(namespace, nameOf(one), { tailLines });
  }
}

const nameOf = ({ metadata }: { metadata: { name: string } }) => metadata.name;

/** Calls once somebody begins to change what lies there. */
function whenWatched(target: Target, call: (sentence: string) => void): () => void {
  let looking = false;
  const timer = setInterval(async () => {
    if (looking) return;
    looking = true;
    const connection = await target.peek(() => {}).catch(() => undefined);
    looking = false;
    connection?.close();
    if (connection?.cluster.watch === undefined) return;
    clearInterval(timer);
    call("an operator has started");
  }, lookMilliseconds);
  return () => clearInterval(timer);
}
