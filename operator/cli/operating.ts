import { connectLocal } from "../cluster/local/index.ts";
import type { Cluster } from "../cluster/port.ts";
import { Failure } from "./failure.ts";

/** An operator at work on a state directory: one that runs already, or one in this process for as long as it is needed. */
export interface Operating {
  cluster: Cluster;
  /** Whether the operator is in this process and ends with it. */
  inProcess: boolean;
  /** Lets go of the operator; one in this process stops in order. */
  stop(): Promise<void>;
  hurry(): void;
}

export async function operate(stateDirectory: string): Promise<Operating> {
  const connection = await connectOperator(stateDirectory);
  if (connection) return connection;
  // Loaded only where an operator starts: commands that ask and show begin sooner without it.
  const { startLocalOperator } = await import("./local-operator.ts");
  return { inProcess: true, ...(await startLocalOperator(stateDirectory)) };
}

/** The operator that runs on the state directory; undefined when none does. */
export async function connectOperator(stateDirectory: string): Promise<Operating | undefined> {
  let stopped = false;
  const connection = await connectLocal(stateDirectory, (error) => {
    if (stopped) return;
    throw new Failure("failed", `${error.message}; "tanren run" with the same manifests goes on from there`);
  });
  if (connection === undefined) return undefined;
  return {
    cluster: connection,
    inProcess: false,
    async stop() {
      stopped = true;
      connection.close();
    },
    hurry() {},
  };
}
