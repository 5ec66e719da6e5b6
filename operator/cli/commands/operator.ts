import { Command } from "commander";
import { systemClock } from "../../clock/clock.ts";
import { aborted, sleep } from "../../clock/sleep.ts";
import { findOperator } from "../../cluster/local/index.ts";
import { Failure } from "../failure.ts";
import { timeSpan, withHelp } from "../options.ts";
import { stateOf } from "../target/flags.ts";
import type { LocalOperator } from "../target/local-operator.ts";
import { onInterruption } from "../terminal/interruption.ts";
import { terminalOf } from "../terminal/terminal.ts";

export function stopCommand(): Command {
  const command = new Command("stop")
    .description(
      'stop the operator that runs on the state directory; programs save their state, and "tanren run" resumes from it',
    )
    .option("--timeout <time>", "longest wait for the end", timeSpan, 120)
    .action(stop);
  return withHelp(command, ["tanren stop", "tanren stop --state /var/lib/tanren --timeout 10m"]);
}

const periodMilliseconds = 100;

async function stop({ timeout }: { timeout: number }, command: Command): Promise<void> {
  const state = stateOf(command);
  const pid = findOperator(state);
  if (pid === undefined)
    throw new Failure("notFound", `no operator runs on ${state}; name its directory with --state`);
  process.kill(pid, "SIGTERM");
  const deadline = Date.now() + timeout * 1000;
  while (findOperator(state) === pid) {
    if (Date.now() > deadline) {
      throw new Failure(
        "unfinished",
        `the operator (process ${pid}) has not ended ${timeout} s after it was asked to stop; wait longer, or see ${state}/operator.log`,
      );
    }
    await sleep(systemClock, periodMilliseconds);
  }
  terminalOf(process.stdout).print(`the operator on ${state} has stopped`);
}

/** What `tanren run --detach` starts: the operator alone, until SIGTERM. */
export function operatorCommand(): Command {
  return new Command("operator")
    .description("run the operator on the state directory in the foreground")
    .action(async (_options: unknown, command: Command) => {
      const { startLocalOperator } = await import("../target/local-operator.ts");
      let operator: LocalOperator | undefined;
      const interruption = onInterruption(() => operator?.hurry());
      operator = await startLocalOperator(stateOf(command));
      await aborted(interruption.signal);
      await operator.stop();
    });
}
