import { Command } from "commander";
import { aborted, onInterruption } from "../interruption.ts";
import type { LocalOperator } from "../local-operator.ts";
import { stateOf } from "../place/choose.ts";

/** What `tanren run --detach` starts: the operator alone, until SIGTERM. */
export function operatorCommand(): Command {
  return new Command("operator")
    .description("run the operator on the state directory in the foreground")
    .action(async (_options: unknown, command: Command) => {
      const { startLocalOperator } = await import("../local-operator.ts");
      let operator: LocalOperator | undefined;
      const interruption = onInterruption(() => operator?.hurry());
      operator = await startLocalOperator(stateOf(command));
      await aborted(interruption.signal);
      await operator.stop();
    });
}
