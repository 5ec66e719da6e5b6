import { Command } from "commander";
import { aborted, onInterruption } from "../interruption.ts";
import type { LocalOperator } from "../local-operator.ts";
import { type PlaceOptions, stateOption } from "../options.ts";

/** What `tanren run --detach` starts: the operator alone, until SIGTERM. */
export function operatorCommand(): Command {
  return new Command("operator")
    .description("run the operator on the state directory in the foreground")
    .addOption(stateOption())
    .action(async ({ state }: PlaceOptions) => {
      const { startLocalOperator } = await import("../local-operator.ts");
      let operator: LocalOperator | undefined;
      const interruption = onInterruption(() => operator?.hurry());
      operator = await startLocalOperator(state);
      await aborted(interruption.signal);
      await operator.stop();
    });
}
