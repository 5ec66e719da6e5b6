import { Command } from "commander";
import { checkOnServer } from "../manifests/changes.ts";
import { filesOption, withHelp } from "../options.ts";
import { planIn, requireNoErrors } from "../planning.ts";
import { manifestsFor } from "../session.ts";
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
  requireNoErrors(await planIn(target, manifests));
  await checkOnServer(target, manifests);
  terminalOf(process.stdout).print(
    manifests.length === 1 ? "1 object is valid" : `${manifests.length} objects are valid`,
  );
}
