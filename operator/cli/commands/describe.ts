import { Command, Option } from "commander";
import { events } from "../../cluster/resource.ts";
import { describeObject, type PartName, partNames } from "../describing/describe.ts";
import { referenceNamed } from "../kinds.ts";
import { namespaceOption, type PlaceOptions, stateOption, withHelp } from "../options.ts";
import { findObject, withSession } from "../session.ts";
import { terminalOf } from "../terminal/terminal.ts";

interface DescribeOptions extends PlaceOptions {
  only?: PartName;
}

export function describeCommand(): Command {
  const command = new Command("describe")
    .description("show everything about one object: plan, stages, figures, artifact, events")
    .argument("<kind>", "kind by any of its names, or KIND/NAME")
    .argument("[name]", "name of the object")
    .addOption(new Option("--only <part>", "one part of it").choices(partNames))
    .addOption(namespaceOption())
    .addOption(stateOption())
    .action(describe);
  return withHelp(command, [
    "tanren describe pretrainrun base",
    "tanren describe corp/web --only funnel",
    "tanren describe evl/japanese --only figures",
  ]);
}

async function describe(kind: string, name: string | undefined, options: DescribeOptions): Promise<void> {
  const reference = referenceNamed(kind, name);
  const [object, about] = await withSession(options.state, async ({ cluster }) => {
    const found = await findObject(cluster, reference, options.namespace);
    const all = await cluster.list(events, { namespace: found.metadata.namespace });
    return [found, all.filter((event) => event.regarding.uid === found.metadata.uid)] as const;
  });
  const terminal = terminalOf(process.stdout);
  terminal.print(...describeObject(object, about, { columns: terminal.columns, now: Date.now() }, options.only));
}
