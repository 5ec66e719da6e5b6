import { Command } from "commander";
import { filesOption, outputOption, withHelp } from "../options.ts";
import { planIn, printPlans, requireNoErrors } from "../planning.ts";
import { manifestsFor } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { Target } from "../target/target.ts";
import { terminalOf } from "../terminal/terminal.ts";

interface PlanOptions {
  filename: string[];
  output: "table" | "json";
  namespace?: string;
}

export function planCommand(): Command {
  const command = new Command("plan")
    .description(
      "show what manifests will take: parameters, memory per GPU or process, checkpoints, time; changes nothing",
    )
    .addOption(filesOption().makeOptionMandatory())
    .addOption(outputOption(["table", "json"]).default("table"))
    .action(onTarget(plan))
    .addHelpText(
      "after",
      "\nManifests may refer to objects that exist already, in the state directory\nor the cluster.",
    );
  return withHelp(command, [
    "tanren plan -f examples/quickstart",
    "tanren plan -f examples/programme-a -o json",
    "kubectl tanren plan -f align.yaml -n team-a",
  ]);
}

async function plan(target: Target, options: PlanOptions): Promise<void> {
  const manifests = await manifestsFor(target, options);
  const planned = await planIn(target, manifests);
  const terminal = terminalOf(process.stdout);
  if (options.output === "json") terminal.json(planned.plans, 2);
  else printPlans(terminal, planned);
  // A plan is made before all is in its place, and often elsewhere.
  const { manifests: own = [], surroundings = [] } = Object.groupBy(
    planned.findings,
    ({ finding }) => finding.about,
  );
  requireNoErrors({ findings: own });
  if (surroundings.length > 0)
    process.stderr.write(
      `warning: here the manifests lack ${surroundings.length} of what they need; ${target.hint("validate")} names it\n`,
    );
}
