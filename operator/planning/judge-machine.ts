import type { z } from "zod";
import type { Compute, ServingCompute } from "../api/parts.ts";
import { quantityValue } from "../cluster/quantity.ts";
import type { Finding, Machine } from "./surroundings.ts";

type AnyCompute = z.output<typeof Compute> | z.output<typeof ServingCompute>;

/** What an object asks for that this machine never has: its pods would wait for ever. */
export function judgeMachine(spec: object, { cpus }: Machine): Finding[] {
  const { compute } = spec as { compute: AnyCompute };
  const never = (field: string, message: string): Finding => ({
    severity: "error",
    about: "surroundings",
    field: `spec.compute.${field}`,
    message,
  });
  const { gpusPerNode, resources } = compute;
  const queueName = "queueName" in compute ? compute.queueName : undefined;
  // Ranks of one process group wait for each other; other pods can take turns.
  const pods = "parallelism" in spec && "nodes" in compute ? compute.nodes : 1;
  const together = pods === 1 ? "" : `, for ${pods} pods at once,`;
  return [
    ...(gpusPerNode > 0
      ? [never("gpusPerNode", "pods of this machine get no GPU; set it to 0, or run on a cluster")]
      : []),
    ...(queueName === undefined
      ? []
      : [
          never(
            "queueName",
            "Kueue is not on this machine to admit the Job; leave it out, or run on a cluster",
          ),
        ]),
    ...(pods * quantityValue(resources.cpu) > cpus
      ? [
          never(
            "resources.cpu",
            `${resources.cpu}${together} is more than the ${cpus} CPUs of this machine; lower it`,
          ),
        ]
      : []),
  ];
}
