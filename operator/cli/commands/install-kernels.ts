import { Command } from "commander";
import { installation } from "#installation";
import { withHelp } from "../options.ts";
import { terminalOf } from "../terminal/terminal.ts";

export function installKernelsCommand(): Command {
  const command = new Command("install-kernels")
    .description("download what kernels run on (PyTorch, 3 GB), for runs on this machine")
    .option("--python <file>", "Python 3.11 or newer, of which the environment is made", "python3")
    .action(async ({ python }: { python: string }) => {
      const folder = await installation.installKernels(python, (line) => process.stderr.write(`${line}\n`));
      terminalOf(process.stdout).print(`installed in ${folder}`);
    });
  return withHelp(command, [
    "tanren install-kernels",
    "tanren install-kernels --python /opt/python3.12/bin/python3",
  ]);
}
