import { Command } from "commander";
import { chatCommand } from "./commands/chat.ts";
import { deleteCommand } from "./commands/delete.ts";
import { describeCommand } from "./commands/describe.ts";
import { getCommand } from "./commands/get.ts";
import { logsCommand } from "./commands/logs.ts";
import { operatorCommand } from "./commands/operator.ts";
import { planCommand } from "./commands/plan.ts";
import { runCommand } from "./commands/run.ts";
import { stopCommand } from "./commands/stop.ts";
import { treeCommand } from "./commands/tree.ts";
import { validateCommand } from "./commands/validate.ts";
import { withHelp } from "./options.ts";

/** The `tanren` command with all its subcommands. Errors of the command line are thrown, not exited with. */
export function tanrenProgram(version: string): Command {
  const program = new Command("tanren")
    .description(
      "From raw web pages to a served language model: manifests carried out on this machine, without a cluster.",
    )
    .version(version)
    .exitOverride()
    .showHelpAfterError('(see "tanren --help", or "--help" behind a command)')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "tanren: ")) });
  const commands = [
    runCommand(),
    validateCommand(),
    planCommand(),
    getCommand(),
    describeCommand(),
    logsCommand(),
    chatCommand(),
    treeCommand(),
    deleteCommand(),
    stopCommand(),
  ];
  for (const command of commands) program.addCommand(command.copyInheritedSettings(program));
  program.addCommand(operatorCommand().copyInheritedSettings(program), { hidden: true });
  return withHelp(program, [
    "tanren run -f examples/quickstart",
    "tanren get",
    "tanren describe pretrainrun base",
    "tanren chat assistant",
  ]);
}
