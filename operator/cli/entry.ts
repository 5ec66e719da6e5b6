import { Command, CommanderError, type Help } from "commander";
import { ClusterError, InvalidError, NotFoundError } from "../cluster/port.ts";
import { version } from "../version.ts";
import { resumeCommand, scaleCommand, suspendCommand } from "./commands/change.ts";
import { chatCommand } from "./commands/chat.ts";
import { completeCommand, completionCommand } from "./commands/completion.ts";
import { corpusCommand } from "./commands/corpus.ts";
import { deleteCommand } from "./commands/delete.ts";
import { describeCommand } from "./commands/describe.ts";
import { explainCommand } from "./commands/explain.ts";
import { exportCommand } from "./commands/export.ts";
import { getCommand } from "./commands/get.ts";
import { installKernelsCommand } from "./commands/install-kernels.ts";
import { logsCommand } from "./commands/logs.ts";
import { operatorCommand, stopCommand } from "./commands/operator.ts";
import { planCommand } from "./commands/plan.ts";
import { reportCommand } from "./commands/report.ts";
import { retryCommand } from "./commands/retry.ts";
import { runCommand } from "./commands/run.ts";
import { treeCommand } from "./commands/tree.ts";
import { uiCommand } from "./commands/ui.ts";
import { validateCommand } from "./commands/validate.ts";
import { type ExitCode, exitCodes, Failure } from "./failure.ts";
import { withHelp } from "./options.ts";
import { type Program, targetOptions } from "./target/flags.ts";
import { printable } from "./terminal/printable.ts";
import { showCursor } from "./terminal/terminal.ts";

/** Runs a command line, and turns its end into an exit code and, where it failed, one sentence. */
export async function enter(program: Program): Promise<never> {
  // A reader that closes early, as in `tanren get | head`, is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) =>
    end(error.code === "EPIPE" ? "done" : exitCodeOf(error)),
  );
  process.on("uncaughtException", (error) => end(exitCodeOf(error)));
  try {
    await tanrenProgram(program).parseAsync();
    end("done");
  } catch (error) {
    end(exitCodeOf(error));
  }
}

function exitCodeOf(error: unknown): ExitCode {
  // Commander has printed its own sentence; help and version are thrown too.
  if (error instanceof CommanderError) return error.exitCode === 0 ? "done" : "usage";
  if (error instanceof Failure) return print(error.exitCode, error.message);
  if (error instanceof InvalidError) return print("invalid", error.message);
  if (error instanceof NotFoundError) return print("notFound", error.message);
  if (error instanceof ClusterError) return print("failed", error.message);
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return print("internal", `this is a defect of tanren; please report it with these lines\n${trace}`);
}

function print<T extends ExitCode>(exitCode: T, sentence: string): T {
  process.stderr.write(`tanren: ${printable(sentence)}\n`);
  return exitCode;
}

/** An interrupted live table has hidden the cursor. */
function end(exitCode: ExitCode): never {
  if (exitCode !== "done" && process.stdout.isTTY) process.stdout.write(showCursor);
  process.exit(exitCodes[exitCode].code);
}

/** The command with all its subcommands. Errors of the command line are thrown, not exited with. */
export function tanrenProgram(name: Program): Command {
  const isPlugin = name === "kubectl tanren";
  const program = new Command(name)
    .description(`From raw web pages to a served language model, as Kubernetes resources. ${about[name]}`)
    .version(version)
    .exitOverride()
    .showHelpAfterError(`(see "${name} --help", or "--help" after a command)`)
    .configureHelp({ showGlobalOptions: true, visibleGlobalOptions })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "tanren: ")) });
  for (const option of targetOptions(name)) program.addOption(option);
  const commands = [
    runCommand(),
    validateCommand(),
    planCommand(),
    getCommand(),
    describeCommand(),
    logsCommand(),
    chatCommand(),
    treeCommand(),
    uiCommand(),
    reportCommand(),
    corpusCommand(),
    exportCommand(),
    retryCommand(),
    suspendCommand(),
    resumeCommand(),
    scaleCommand(),
    deleteCommand(),
    explainCommand(),
    ...(isPlugin ? [] : [completionCommand()]),
    ...(isPlugin ? [] : [stopCommand(), installKernelsCommand()]),
  ];
  for (const command of commands) program.addCommand(command.copyInheritedSettings(program));
  program.addCommand(completeCommand().copyInheritedSettings(program), { hidden: true });
  if (!isPlugin) program.addCommand(operatorCommand().copyInheritedSettings(program), { hidden: true });
  return withHelp(program, [
    "tanren run -f examples/quickstart",
    "tanren get",
    "tanren chat assistant",
    "tanren ui",
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

/** After a subcommand: the target's options; not --version. */
const visibleGlobalOptions: Help["visibleGlobalOptions"] = (command) =>
  (command.parent?.options ?? []).filter(({ long }) => long !== "--version");
