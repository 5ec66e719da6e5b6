import { Command } from "commander";
import { loadManifests } from "../manifests/load.ts";
import { filesOption, namespaceOption, outputOption, type PlaceOptions, stateOption, withHelp } from "../options.ts";
import { planAll, printPlans, requireNoProblems } from "../planning.ts";
import { presentObjects } from "../session.ts";
import { terminalOf } from "../terminal/terminal.ts";

interface PlanOptions extends PlaceOptions {
  filename: string[];
  output: "table" | "json";
}

export function planCommand(): Command {
  const command = new Command("plan")
    .description(
      "tell what manifests will take: parameters, memory per GPU or process, checkpoints, time; nothing is changed",
    )
    .addOption(filesOption().makeOptionMandatory())
    .addOption(outputOption(["table", "json"]).default("table"))
    .addOption(namespaceOption())
    .addOption(stateOption())
    .action(async ({ filename, output, namespace, state }: PlanOptions) => {
      const planned = planAll(await loadManifests(filename, namespace), await presentObjects(state));
      const terminal = terminalOf(process.stdout);
      if (output === "json") terminal.print(JSON.stringify(planned.plans, undefined, 2));
      else printPlans(terminal, planned);
      requireNoProblems(planned);
    });
  return withHelp(command, ["tanren plan -f examples/quickstart", "tanren plan -f examples/13b -o json"]);
}
