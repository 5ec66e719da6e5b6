import { Command, type Help } from "commander";
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
import { type Program, placeOptions } from "./target/flags.ts";

/** The command with all its subcommands. Errors of the command line are thrown, not exited with. */
export function tanrenProgram(name: Program, version: string): Command {
  const isPlugin = name === "kubectl tanren";
  const program = new Command(name)
    .description(`From raw web pages to a served language model, as Kubernetes resources. ${about[name]}`)
    .version(version)
    .exitOverride()
    .showHelpAfterError(`(see "${name} --help", or "--help" behind a command)`)
    .configureHelp({ showGlobalOptions: true, visibleGlobalOptions })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "tanren: ")) });
  for (const option of placeOptions(name)) program.addOption(option);
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
    ...(isPlugin ? [] : [stopCommand()]),
  ];
  for (const command of commands) program.addCommand(command.copyInheritedSettings(program));
  if (!isPlugin) program.addCommand(operatorCommand().copyInheritedSettings(program), { hidden: true });
  return withHelp(program, [
    "tanren run -f examples/quickstart",
    "tanren get",
    "tanren chat assistant",
    "tanren get --context prod",
    "kubectl tanren get -n team-a",
    "kubectl tanren logs pretrainrun base --follow",
  ]);
}

const about: Record<Program, string> = {
  tanren:
    "Works on this machine, without a cluster, unless --context or --kubeconfig names a Kubernetes cluster; as a kubectl plugin, on kubectl's cluster.",
  "kubectl tanren":
    "Works on the cluster and in the namespace that kubectl does. On this machine, without a cluster: tanren.",
};

/** Behind a subcommand, what says where; not --version. */
const visibleGlobalOptions: Help["visibleGlobalOptions"] = (command) =>
  (command.parent?.options ?? []).filter(({ long }) => long !== "--version");
