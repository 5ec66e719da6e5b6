import type { z } from "zod";
import type { Checkpoints, Storage } from "../api/parts.ts";
import type { Plan } from "../api/status.ts";
import { inGibibytes, quantityValue } from "../cluster/quantity.ts";
import { modelBytes } from "../estimates/model-figures.ts";
import { invalidSpec, type Refusal } from "../estimates/refusal.ts";

/**
 * A claim made for the run must hold what training certainly writes: the checkpoints kept and one more, as the oldest goes only when
 * the newest is whole, and a model per training stage. Of an existing claim the size is not known.
 */
export function refuseStorage(
  { storage, checkpoints }: { storage: z.output<typeof Storage>; checkpoints: z.output<typeof Checkpoints> },
  { checkpointBytes, parameters }: Plan,
  trainingStages: number,
): Refusal | undefined {
  if (storage.size === undefined || checkpointBytes === undefined || parameters === undefined) return undefined;
  const needed = (checkpoints.keepLast + 1) * checkpointBytes + trainingStages * modelBytes(parameters);
  if (quantityValue(storage.size) >= needed) return undefined;
  const gibibytes = Math.ceil(needed / 2 ** 30);
  return invalidSpec(
    `spec.storage.size ${storage.size} does not hold checkpoints.keepLast ${checkpoints.keepLast} + 1 checkpoints of ${inGibibytes(checkpointBytes)} each and ${trainingStages} model(s) of ${inGibibytes(modelBytes(parameters))}; set it to ${gibibytes}Gi or more`,
  );
}
