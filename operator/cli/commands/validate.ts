import { Command } from "commander";
import { loadManifests } from "../manifests/load.ts";
import { filesOption, namespaceOption, type PlaceOptions, stateOption, withHelp } from "../options.ts";
import { planAll, requireNoProblems } from "../planning.ts";
import { presentObjects } from "../session.ts";
import { terminalOf } from "../terminal/terminal.ts";

export function validateCommand(): Command {
  const command = new Command("validate")
    .description(
      "check manifests as the cluster would, and their references; all problems are told at once, nothing is changed",
    )
    .addOption(filesOption().makeOptionMandatory())
    .addOption(namespaceOption())
    .addOption(stateOption())
    .action(async ({ filename, namespace, state }: PlaceOptions & { filename: string[] }) => {
      const manifests = await loadManifests(filename, namespace);
      requireNoProblems(planAll(manifests, await presentObjects(state)));
      terminalOf(process.stdout).print(
        manifests.length === 1 ? "1 object is valid" : `${manifests.length} objects are valid`,
      );
    });
  return withHelp(command, ["tanren validate -f examples/quickstart", "tanren validate -f corpus.yaml base.yaml"]);
}
