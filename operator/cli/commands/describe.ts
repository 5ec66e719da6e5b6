import { Command, Option } from "commander";
import { stringify } from "yaml";
import { events } from "../../cluster/resource.ts";
import { describeObject, type PartName, partNames } from "../describe/describe.ts";
import { parseReference } from "../kinds.ts";
import { outputOption, withHelp } from "../options.ts";
import { findObject, withConnection } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { Target } from "../target/target.ts";
import { terminalOf } from "../terminal/terminal.ts";

interface DescribeOptions {
  only?: PartName;
  output?: "json" | "yaml";
  namespace?: string;
}

export function describeCommand(): Command {
  const command = new Command("describe")
    .description("show everything about one object: plan, stages, figures, artifact, events")
    .argument("<kind>", "kind by any of its names, or KIND/NAME")
    .argument("[name]", "name of the object")
    .addOption(new Option("--only <part>", "one part of it").choices(partNames).conflicts("output"))
    .addOption(outputOption(["json", "yaml"], "the object and its events, for programs"))
    .action(onTarget(describe));
  return withHelp(command, [
    "tanren describe pretrainrun base",
    "tanren describe corp/web --only funnel",
    "tanren describe evl/japanese --only figures",
    "tanren describe ptr/base -o json",
    "kubectl tanren describe ptr/base -n team-a",
  ]);
}

async function describe(
  target: Target,
  options: DescribeOptions,
  kind: string,
  name?: string,
): Promise<void> {
  const reference = parseReference(kind, name);
  const [object, about] = await withConnection(target, async (connection) => {
    const found = await findObject(connection, target, reference, options.namespace);
    const { namespace, uid } = found.metadata;
    return [
      found,
      await connection.cluster.list(events, { namespace, fields: { "regarding.uid": uid } }),
    ] as const;
  });
  const terminal = terminalOf(process.stdout);
  const whole = { object, events: about };
  if (options.output === "json") return terminal.json(whole, 2);
  if (options.output === "yaml") return terminal.print(stringify(whole).trimEnd());
  terminal.print(
    ...describeObject(object, about, { columns: terminal.columns, now: Date.now() }, options.only),
  );
}
