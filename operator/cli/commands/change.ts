import { Command } from "commander";
import { Failure } from "../failure.ts";
import { isServing, parseReference, title } from "../kinds.ts";
import { replicas, withHelp } from "../options.ts";
import { findObject } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { OperatorHandle, Target } from "../target/target.ts";
import { onInterruption } from "../terminal/interruption.ts";
import { terminalOf } from "../terminal/terminal.ts";

/** Commands that change one field of an object that is there, and leave the rest, and whose it is, alone. */

export function suspendCommand(): Command {
  const command = objectCommand(
    "suspend",
    "stop a run's programs once they have saved, until it is resumed",
  ).action(
    onTarget((target: Target, options: Options, kind: string, name?: string) =>
      suspend(target, options, true, kind, name),
    ),
  );
  return withHelp(command, ["tanren suspend pretrainrun base", "kubectl tanren suspend ptr/base -n team-a"]);
}

export function resumeCommand(): Command {
  const command = objectCommand("resume", "let a suspended run continue from where it saved").action(
    onTarget((target: Target, options: Options, kind: string, name?: string) =>
      suspend(target, options, false, kind, name),
    ),
  );
  return withHelp(command, ["tanren resume pretrainrun base", "kubectl tanren resume ptr/base -n team-a"]);
}

export function scaleCommand(): Command {
  const command = objectCommand("scale", "set how many replicas serve a model; 0 stops serving")
    .requiredOption("--replicas <n>", "number of replicas", replicas)
    .action(onTarget(scale));
  return withHelp(command, [
    "tanren scale infd assistant --replicas 0",
    "kubectl tanren scale infd/assistant --replicas 3 -n team-a",
  ]);
}

interface Options {
  namespace?: string;
}

const objectCommand = (name: string, about: string): Command =>
  new Command(name)
    .description(about)
    .argument("<kind>", "kind by any of its names, or KIND/NAME")
    .argument("[name]", "name of the object");

function suspend(target: Target, options: Options, value: boolean, kindOrBoth: string, name?: string) {
  const { kind } = parseReference(kindOrBoth, name);
  if (isServing(kind.resource.kind)) {
    const mend = `use scale --replicas ${value ? "0" : "1"}`;
    throw new Failure(
      "usage",
      `a ${kind.resource.kind} cannot be ${value ? "suspended" : "resumed"}; ${mend}`,
    );
  }
  const done = value ? "is suspended: its programs save and stop" : "continues";
  return change(target, options, { suspend: value }, done, kindOrBoth, name);
}

function scale(target: Target, options: Options & { replicas: number }, kindOrBoth: string, name?: string) {
  const { kind } = parseReference(kindOrBoth, name);
  if (!isServing(kind.resource.kind))
    throw new Failure("usage", `a ${kind.resource.kind} has no replicas; scale is for InferenceDeployments`);
  const { replicas } = options;
  return change(target, options, { replicas }, `is scaled to ${replicas}`, kindOrBoth, name);
}

async function change(
  target: Target,
  { namespace }: Options,
  fields: Readonly<Record<string, unknown>>,
  done: string,
  kindOrBoth: string,
  name?: string,
): Promise<void> {
  const reference = parseReference(kindOrBoth, name);
  let operator: OperatorHandle | undefined;
  const interruption = onInterruption(() => operator?.hurry());
  operator = await target.operate();
  try {
    const object = await findObject(operator, target, reference, namespace);
    await operator.cluster.patchSpec(reference.kind.resource, object, fields);
    terminalOf(process.stdout).print(`${title(object)} ${done}`);
    if (operator.inProcess) process.stderr.write(`${operator.afterwards}\n`);
  } finally {
    await operator.stop();
    interruption.release();
  }
}
