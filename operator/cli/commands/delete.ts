import { Command } from "commander";
import type { KubernetesObject } from "../../cluster/objects.ts";
import type { Cluster } from "../../cluster/port.ts";
import type { Resource } from "../../cluster/resource.ts";
import { Failure } from "../failure.ts";
import { referenceNamed, title } from "../kinds.ts";
import { filesOption, timeSpan, withHelp } from "../options.ts";
import { findObject, manifestsFor } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { Operating, Target } from "../target/target.ts";
import { onInterruption } from "../terminal/interruption.ts";
import { terminalOf } from "../terminal/terminal.ts";
import { Departure } from "../watch/deletion.ts";

interface DeleteOptions {
  filename?: string[];
  timeout: number;
  namespace?: string;
}

export function deleteCommand(): Command {
  const command = new Command("delete")
    .description("delete objects with all that was made for them, and wait until they are gone")
    .argument("[kind]", "kind by any of its names, or KIND/NAME")
    .argument("[name]", "name of the object")
    .addOption(filesOption())
    .option("--timeout <time>", "longest wait", timeSpan, 120)
    .action(onTarget(remove));
  return withHelp(command, [
    "tanren delete pretrainrun base",
    "tanren delete -f examples/quickstart",
    "kubectl tanren delete ptr/base -n team-a --timeout 10m",
  ]);
}

interface Doomed {
  resource: Resource<KubernetesObject>;
  object: KubernetesObject;
}

async function remove(target: Target, options: DeleteOptions, kind?: string, name?: string): Promise<void> {
  const { filename, namespace } = options;
  if ((kind === undefined) === (filename === undefined)) {
    throw new Failure("usage", "name what to delete either as KIND NAME or by -f");
  }
  const reference = kind === undefined ? undefined : referenceNamed(kind, name);
  const manifests =
    filename && (await manifestsFor(target, { filename, ...(namespace !== undefined && { namespace }) }));
  let operating: Operating | undefined;
  const interruption = onInterruption(() => operating?.hurry());
  operating = await target.operate();
  try {
    const doomed = reference
      ? [
          {
            resource: reference.kind.resource as Resource<KubernetesObject>,
            object: await findObject(operating, target, reference, namespace),
          },
        ]
      : await present(
          operating.cluster,
          (manifests ?? []).map(({ resource, object }) => ({ resource, ...object.metadata })),
        );
    // What was applied last goes first, so that nothing loses its input while it runs.
    for (const { resource, object } of doomed.toReversed()) await operating.cluster.delete(resource, object);
    await untilGone(operating, doomed, options.timeout, interruption.signal);
  } finally {
    await operating.stop();
    interruption.release();
  }
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
  { cluster, operatorHint }: Operating,
  doomed: readonly Doomed[],
  timeout: number,
  signal: AbortSignal,
): Promise<void> {
  const terminal = terminalOf(process.stdout);
  const timer = AbortSignal.timeout(timeout * 1000);
  const left = new Map(doomed.map((one) => [one, new Departure(cluster, one.resource, one.object)]));
  const tell = (held: string) => process.stderr.write(`${held}\n`);
  await Promise.all(
    [...left].map(async ([one, departure]) => {
      if (!(await departure.wait(AbortSignal.any([signal, timer]), tell))) return;
      left.delete(one);
      terminal.print(`${title(one.object)} deleted`);
    }),
  );
  const names = [...left.keys()].map(({ object }) => title(object)).join(", ");
  if (left.size === 0) return;
  if (signal.aborted)
    throw new Failure("interrupted", `interrupted while ${names} were being deleted; delete again to go on`);
  const why = [...left.values()].map((departure) => `  ${departure.holder(operatorHint)}`);
  throw new Failure("unfinished", [`not gone after ${timeout} s; deletion goes on by itself`, ...why].join("\n"));
}
