import { Command } from "commander";
import type { KubernetesObject } from "../../cluster/objects.ts";
import type { Cluster } from "../../cluster/port.ts";
import type { Resource } from "../../cluster/resource.ts";
import { Failure } from "../failure.ts";
import { onInterruption } from "../interruption.ts";
import { type ObjectReference, referenceNamed } from "../kinds.ts";
import { loadManifests } from "../manifests/load.ts";
import { type Operating, operate } from "../operating.ts";
import { filesOption, namespaceOption, type PlaceOptions, stateOption, timeSpan, withHelp } from "../options.ts";
import { findObject } from "../session.ts";
import { terminalOf } from "../terminal/terminal.ts";

interface DeleteOptions extends PlaceOptions {
  filename?: string[];
  timeout: number;
}

export function deleteCommand(): Command {
  const command = new Command("delete")
    .description("delete objects with all that was made for them, and wait until they are gone")
    .argument("[kind]", "kind by any of its names, or KIND/NAME")
    .argument("[name]", "name of the object")
    .addOption(filesOption())
    .option("--timeout <time>", "longest wait", timeSpan, 120)
    .addOption(namespaceOption())
    .addOption(stateOption())
    .action(remove);
  return withHelp(command, ["tanren delete pretrainrun base", "tanren delete -f examples/quickstart"]);
}

interface Doomed {
  resource: Resource<KubernetesObject>;
  object: KubernetesObject;
}

async function remove(kind: string | undefined, name: string | undefined, options: DeleteOptions): Promise<void> {
  const { filename } = options;
  if ((kind === undefined) === (filename === undefined)) {
    throw new Failure("usage", "name what to delete either as KIND NAME or by -f");
  }
  const reference = kind === undefined ? undefined : referenceNamed(kind, name);
  const manifests = filename && (await loadManifests(filename, options.namespace));
  let operating: Operating | undefined;
  const interruption = onInterruption(() => operating?.hurry());
  operating = await operate(options.state);
  try {
    const doomed = reference
      ? [await doomedOne(operating.cluster, reference, options.namespace)]
      : await present(
          operating.cluster,
          (manifests ?? []).map(({ resource, object }) => ({ resource, ...object.metadata })),
        );
    // What was applied last goes first, so that nothing loses its input while it runs.
    for (const { resource, object } of doomed.toReversed()) await operating.cluster.delete(resource, object);
    await untilGone(operating.cluster, doomed, options, interruption.signal);
  } finally {
    await operating.stop();
    interruption.release();
  }
}

async function doomedOne(cluster: Cluster, reference: ObjectReference, namespace?: string): Promise<Doomed> {
  const object = await findObject(cluster, reference, namespace);
  return { resource: reference.kind.resource as Resource<KubernetesObject>, object };
}

async function present(
  cluster: Cluster,
  wanted: readonly { resource: Resource<KubernetesObject>; namespace: string; name: string }[],
): Promise<Doomed[]> {
  const found = await Promise.all(
    wanted.map(async ({ resource, namespace, name }) => ({
      resource,
      object: await cluster.get(resource, namespace, name),
    })),
  );
  return found.flatMap(({ resource, object }) => (object ? [{ resource, object }] : []));
}

async function untilGone(
  cluster: Cluster,
  doomed: readonly Doomed[],
  { timeout }: DeleteOptions,
  signal: AbortSignal,
): Promise<void> {
  const terminal = terminalOf(process.stdout);
  const timer = AbortSignal.timeout(timeout * 1000);
  const left = new Set(doomed);
  await Promise.all(
    doomed.map(async (one) => {
      await gone(cluster, one, AbortSignal.any([signal, timer]));
      if (signal.aborted || timer.aborted) return;
      left.delete(one);
      terminal.print(`${one.object.kind}/${one.object.metadata.name} deleted`);
    }),
  );
  const names = [...left].map(({ object }) => `${object.kind}/${object.metadata.name}`).join(", ");
  if (signal.aborted && left.size > 0)
    throw new Failure("interrupted", `interrupted while ${names} were being deleted; delete again to go on`);
  if (left.size > 0) throw new Failure("unfinished", `${names} are not gone after ${timeout} s; see "tanren describe"`);
}

/** Resolves when the object, by its UID, is gone or the signal is aborted. */
function gone(cluster: Cluster, { resource, object }: Doomed, signal: AbortSignal): Promise<void> {
  const { namespace, name, uid } = object.metadata;
  const { promise, resolve } = Promise.withResolvers<void>();
  const watch = cluster.watch(resource, { namespace }, ({ type, object: seen }) => {
    if (seen.metadata.name === name && (type === "DELETED" || seen.metadata.uid !== uid)) resolve();
  });
  signal.addEventListener("abort", () => resolve());
  // It may have gone before the watch began.
  void watch.synced.then(async () => {
    if ((await cluster.get(resource, namespace, name))?.metadata.uid !== uid) resolve();
  });
  return promise.finally(() => watch.close());
}
