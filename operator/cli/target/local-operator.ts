import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { installation } from "#installation";
import { admit } from "../../api/admission.ts";
import { everythingAllowed } from "../../api/allowed.ts";
import { type KindDefinition, kinds, type TanrenObject } from "../../api/kinds.ts";
import { type CustomResource, LocalCluster } from "../../cluster/local/index.ts";
import type { Cluster } from "../../cluster/port.ts";
import { batchKinds } from "../../kinds/index.ts";
import { startOperator } from "../../operator.ts";
import { createLogger } from "../../runtime/logger.ts";
import { Failure } from "../failure.ts";
import { openOperatorLog } from "./operator-log.ts";

/** The operator in this process, over the local cluster of a state directory. */

export interface LocalOperator {
  cluster: Cluster;
  /** Where it is reported what keeps the cluster from its work. */
  onTrouble(report: (sentence: string) => void): void;
  /** Stops in order: controllers first, then the programs, which save their state. */
  stop(): Promise<void>;
  /** Shortens a stop under way: programs that are still saving are killed. */
  hurry(): void;
}

/** Our kinds, as their CRDs are to an API server. */
export const customResources = (kinds as readonly KindDefinition[]).map(
  (kind): CustomResource => ({
    resource: kind.resource,
    admit: (candidate, old) => admit(kind, candidate, old as TanrenObject | undefined),
  }),
);

/** A person is watching, and the programs are on this machine. */
const progressSeconds = 1;

/** The operator's own log goes to `operator.log` of the state directory. */
export async function startLocalOperator(stateDirectory: string): Promise<LocalOperator> {
  const { python, env } = await installation.kernels();
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const logger = createLogger({ destination: openOperatorLog(join(stateDirectory, "operator.log")) });
  const cluster = await LocalCluster.open({
    stateDirectory,
    customResources,
    node: { programs: { python }, env },
    report: (error) => logger.error({ err: error }, "the local cluster failed at something and tries again"),
  }).catch((error: unknown) => {
    // The cluster's own sentence says what is in the way: another operator, a system without a loopback
    // range.
    throw new Failure("failed", error instanceof Error ? error.message : String(error));
  });
  const operator = await startOperator({
    cluster,
    kinds: batchKinds,
    allowed: everythingAllowed,
    logger,
    progressSeconds,
  });
  return {
    cluster,
    onTrouble: (report) => void cluster.onTrouble(report),
    async stop() {
      await operator.stop();
      await cluster.stop({ pods: "terminate" });
    },
    hurry: () => cluster.hurry(),
  };
}
