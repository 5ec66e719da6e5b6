import { Command } from "commander";
import { systemClock } from "../../clock/clock.ts";
import { sleep } from "../../clock/sleep.ts";
import { isTrue } from "../../cluster/conditions.ts";
import { Failure } from "../failure.ts";
import { type AnyObject, isServing, type Kind, parseReference, rootCondition, title } from "../kinds.ts";
import { timeSpan, withHelp } from "../options.ts";
import { findObject } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { OperatorHandle, Target } from "../target/target.ts";
import { onInterruption } from "../terminal/interruption.ts";
import { terminalOf } from "../terminal/terminal.ts";

interface RetryOptions {
  timeout: number;
  namespace?: string;
}

export function retryCommand(): Command {
  const command = new Command("retry")
    .description("begin a failed run again: at the stage that failed, from its newest checkpoint")
    .argument("<kind>", "kind by any of its names, or KIND/NAME")
    .argument("[name]", "name of the object")
    .option("--timeout <time>", "longest wait until the operator has taken it up", timeSpan, 60)
    .action(onTarget(retry))
    .addHelpText(
      "after",
      [
        "",
        "It raises spec.retry by one. In GitOps, raise it in the repository instead.",
        "Mend what made the run fail first: a data file, a deadline, its memory.",
      ].join("\n"),
    );
  return withHelp(command, [
    "tanren retry pretrainrun base",
    "tanren retry corpus/web && tanren run -f examples/quickstart",
    "kubectl tanren retry ptr base -n team-a",
  ]);
}

async function retry(target: Target, options: RetryOptions, word: string, name?: string): Promise<void> {
  const reference = parseReference(word, name);
  if (isServing(reference.kind.resource.kind))
    throw new Failure("usage", `a ${reference.kind.resource.kind} does not end, so it has no retry`);
  let operator: OperatorHandle | undefined;
  const interruption = onInterruption(() => operator?.hurry());
  operator = await target.operate();
  try {
    const object = await findObject(operator, target, reference, options.namespace);
    requireFailed(object);
    const wanted = Number(object.spec.retry ?? 0) + 1;
    await operator.cluster.patchSpec(reference.kind.resource, object, { retry: wanted });
    const taken = await takenUp(operator, reference.kind, object, wanted, options, interruption.signal);
    terminalOf(process.stdout).print(`${title(object)} is retried: ${rootCondition(taken)?.message}`);
    if (operator.inProcess) process.stderr.write(`${operator.afterwards}\n`);
  } finally {
    await operator.stop();
    interruption.release();
  }
}

function requireFailed(object: AnyObject): void {
  const { completionTime, conditions } = object.status ?? {};
  if (completionTime !== undefined && !isTrue(conditions, "Succeeded")) return;
  const root = rootCondition(object);
  const state =
    root === undefined ? "the operator has not looked at it yet" : `${root.reason}: ${root.message}`;
  throw new Failure("failed", `${title(object)} has not failed (${state}), so there is nothing to retry`);
}

const lookMilliseconds = 500;

/** The object once the operator has acted on the retry. */
async function takenUp(
  { cluster, operatorHint }: OperatorHandle,
  { resource }: Kind,
  { kind, metadata }: AnyObject,
  wanted: number,
  { timeout }: RetryOptions,
  signal: AbortSignal,
): Promise<AnyObject> {
  const named = title({ kind, metadata });
  for (const end = Date.now() + timeout * 1000; Date.now() < end; ) {
    const now = await cluster.get(resource, metadata.namespace, metadata.name);
    if (now?.metadata.uid !== metadata.uid) throw new Failure("failed", `${named} was deleted meanwhile`);
    if (now.status?.observedRetry === wanted) return now;
    if (signal.aborted) throw new Failure("interrupted", `interrupted; spec.retry of ${named} is ${wanted}`);
    await sleep(systemClock, lookMilliseconds, signal);
  }
  throw new Failure(
    "unfinished",
    `spec.retry of ${named} is ${wanted}, and no operator has taken it up in ${timeout} s; is one running? ${operatorHint}`,
  );
}
