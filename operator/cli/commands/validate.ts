import { Command } from "commander";
import { checkChanges, checkOnServer } from "../manifests/changes.ts";
import { filesOption, withHelp } from "../options.ts";
import { planAll, requireNoProblems } from "../planning.ts";
import { manifestsFor, presentObjects } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { Target } from "../target/target.ts";
import { terminalOf } from "../terminal/terminal.ts";

export function validateCommand(): Command {
  const command = new Command("validate")
    .description(
      "check manifests as the cluster would, and their references; reports all problems at once, changes nothing",
    )
    .addOption(filesOption().makeOptionMandatory())
    .action(onTarget(validate))
    .addHelpText(
      "after",
      "\nOn a Kubernetes cluster its API server is asked as well, by a dry run: its own\nversion of the kinds, its policies, your rights.",
    );
  return withHelp(command, [
    "tanren validate -f examples/quickstart",
    "tanren validate -f corpus.yaml base.yaml",
    "kubectl tanren validate -f examples/programme-a -n team-a",
  ]);
}

async function validate(target: Target, options: { filename: string[]; namespace?: string }): Promise<void> {
  const manifests = await manifestsFor(target, options);
  const present = await presentObjects(target, manifests);
  checkChanges(manifests, present, target);
  requireNoProblems(planAll(manifests, present));
  await checkOnServer(target, manifests);
  terminalOf(process.stdout).print(
    manifests.length === 1 ? "1 object is valid" : `${manifests.length} objects are valid`,
  );
}
