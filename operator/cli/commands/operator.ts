import { Command } from "commander";
import { stateOf } from "../target/flags.ts";
import type { LocalOperator } from "../target/local-operator.ts";
import { aborted, onInterruption } from "../terminal/interruption.ts";

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
