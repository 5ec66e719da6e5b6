import type { z } from "zod";
import type { Inputs } from "../../api/artifact.ts";
import type { EvaluationSpec } from "../../api/evaluation.ts";
import type { Stage } from "../batch-kind.ts";
import { claimMount, modelInput, modelMount, mounted } from "../stage-inputs.ts";
import { soloStage } from "../training.ts";

type Spec = z.output<typeof EvaluationSpec>;

/** Programs call a file by the name of its mount. */
export const dataMount = (suite: string) => `suite-${suite}`;
export const examplesMount = (suite: string) => `examples-${suite}`;

export function evaluationStages(spec: Spec, inputs: Inputs): Stage[] {
  return [
    {
      ...soloStage(spec),
      name: "evaluate",
      program: "evaluate",
      mounts: [
        modelMount(spec.model, inputs),
        ...spec.suites.flatMap(({ name, data, examples }) => [
          claimMount(dataMount(name), data),
          ...(examples ? [claimMount(examplesMount(name), examples)] : []),
        ]),
      ],
      artifact: true,
      config: () => ({
        model: modelInput(spec.model, inputs),
        suites: spec.suites.map(({ name, task, examples, shots, limit }) => ({
          name,
          task,
          data: mounted(dataMount(name)),
          ...(examples && { examples: mounted(examplesMount(name)) }),
          shots,
          limit,
        })),
        batch_size: spec.batchSize,
        // The program itself names the model and the files it reads as parents.
        parents: [],
        seed: spec.seed,
      }),
    },
  ];
}
