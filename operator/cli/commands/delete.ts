import { Command } from "commander";
import type { KubernetesObject } from "../../cluster/objects.ts";
import type { Cluster } from "../../cluster/port.ts";
import type { Resource } from "../../cluster/resource.ts";
import { Failure } from "../failure.ts";
import { type AnyObject, parseReference, title } from "../kinds.ts";
import { filesOption, timeSpan, withHelp } from "../options.ts";
import { findObject, manifestsFor } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { OperatorHandle, Target } from "../target/target.ts";
import { onInterruption } from "../terminal/interruption.ts";
import { printable } from "../terminal/printable.ts";
import { terminalOf } from "../terminal/terminal.ts";
import { DeletionWatcher } from "../watch/deletion.ts";

interface DeleteOptions {
  filename?: string[];
  timeout: number;
  namespace?: string;
}

export function deleteCommand(): Command {
  const command = new Command("delete")
    .description("delete objects with everything created for them, and wait until they are gone")
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

interface Deletable {
  resource: Resource<KubernetesObject>;
  /** Claims and the like have neither spec nor status that anything here looks at. */
  object: KubernetesObject & Partial<Pick<AnyObject, "spec" | "status">>;
}

async function remove(target: Target, options: DeleteOptions, kind?: string, name?: string): Promise<void> {
  const { filename, namespace } = options;
  if ((kind === undefined) === (filename === undefined)) {
    throw new Failure("usage", "name what to delete either as KIND NAME or by -f");
  }
  const reference = kind === undefined ? undefined : parseReference(kind, name);
  const manifests = filename && (await manifestsFor(target, { filename, namespace }));
  let operator: OperatorHandle | undefined;
  const interruption = onInterruption(() => operator?.hurry());
  operator = await target.operate();
  try {
    const objects = reference
      ? [
          {
            resource: reference.kind.resource as Resource<KubernetesObject>,
            object: await findObject(operator, target, reference, namespace),
          },
        ]
      : await present(
          operator.cluster,
          (manifests ?? []).map(({ resource, object }) => ({ resource, ...object.metadata })),
        );
    // What was applied last goes first, so that nothing loses its input while it runs.
    for (const { resource, object } of objects.toReversed()) await operator.cluster.delete(resource, object);
    await waitUntilGone(operator, objects, options.timeout, interruption.signal);
  } finally {
    await operator.stop();
    interruption.release();
  }
}

async function present(
  cluster: Cluster,
  wanted: readonly { resource: Resource<KubernetesObject>; namespace: string; name: string }[],
): Promise<Deletable[]> {
  const found = await Promise.all(
    wanted.map(async ({ resource, namespace, name }) => ({
      resource,
      object: await cluster.get(resource, namespace, name),
    })),
  );
  return found.flatMap(({ resource, object }) => (object ? [{ resource, object }] : []));
}

/** A claim that was not made for the run keeps what the run wrote. */
function leftBehind({ spec, status }: Deletable["object"]): string {
  const { claimName } = (spec?.storage ?? {}) as { claimName?: string };
  const directory = status?.storage?.directory;
  if (claimName === undefined || directory === undefined) return "";
  return `; its files stay on claim ${claimName}, and spec.storage.adopt: ${directory} continues from them`;
}

async function waitUntilGone(
  { cluster, operatorHint }: OperatorHandle,
  objects: readonly Deletable[],
  timeout: number,
  signal: AbortSignal,
): Promise<void> {
  const terminal = terminalOf(process.stdout);
  const timer = AbortSignal.timeout(timeout * 1000);
  const left = new Map(objects.map((one) => [one, new DeletionWatcher(cluster, one.resource, one.object)]));
  const report = (held: string) => process.stderr.write(`${printable(held)}\n`);
  await Promise.all(
    [...left].map(async ([one, watcher]) => {
      if (!(await watcher.wait(AbortSignal.any([signal, timer]), report))) return;
      left.delete(one);
      terminal.print(`${title(one.object)} deleted${leftBehind(one.object)}`);
    }),
  );
  const names = [...left.keys()].map(({ object }) => title(object)).join(", ");
  if (left.size === 0) return;
  if (signal.aborted)
    throw new Failure(
      "interrupted",
      `interrupted while ${names} were being deleted; delete again to wait on`,
    );
  const why = [...left.values()].map((watcher) => `  ${watcher.holder(operatorHint)}`);
  throw new Failure("unfinished", [`not gone after ${timeout} s; deletion continues`, ...why].join("\n"));
}
