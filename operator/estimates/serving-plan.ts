import type { z } from "zod";
import type { ResolvedInput } from "../api/artifact.ts";
import type { InferenceDeploymentSpec } from "../api/inference-deployment.ts";
import type { Plan } from "../api/status.ts";
import { rankOf } from "./hardware.ts";
import { inferenceBytes } from "./memory.ts";
import { type ExpectedInput, figuresOf } from "./model-figures.ts";
import { firstRefusal, invalidSpec, type Refusal, refuseMemory } from "./refusal.ts";

type Spec = z.output<typeof InferenceDeploymentSpec>;

/**
 * What a replica takes: weights, keys and values of as many requests as it decodes at once, each as long as
 * the context, and the texts of those that are coming in. A ready artifact does not tell its shape; where it is no preset's, the size of keys and
 * values is that of LLaMA's proportions. Without a model (an imported directory) only the limit is known; the
 * program measures for itself before it reads a weight.
 */
export function servingPlan(spec: Spec, model: ExpectedInput | undefined): Plan {
  const { device, memoryBytes } = rankOf(spec.compute);
  const figures = figuresOf(model);
  const contextLength = spec.contextLength ?? model?.artifact.contextLength;
  const plan: Plan = { ranks: 1, memoryLimitPerRankBytes: memoryBytes };
  if (!figures) return plan;
  plan.parameters = figures.parameters;
  if (contextLength === undefined) return plan;
  const cached = contextLength * spec.maxConcurrentRequests;
  const answering = inferenceBytes(figures, cached, spec.precision, device);
  // On a GPU what texts take is not its memory.
  return { ...plan, memoryPerRankBytes: answering + (device === "cpu" ? textBytes(contextLength) : 0) };
}

const mostBodyBytes = 8 * 2 ** 20;
const bodiesUnderWay = 8;
const textsAtOnce = 2;
/** Measured of the tokenizers library, on a text of one long word. */
const encodingBytesPerByte = 200;
/** Japanese has 6, English 4, indented code more; what is longer than the context is refused unread. */
const textBytesPerToken = 16;

/** Bodies that are being received, and texts that are being encoded. */
const textBytes = (contextLength: number) =>
  bodiesUnderWay * mostBodyBytes +
  textsAtOnce * encodingBytesPerByte * Math.min(mostBodyBytes, textBytesPerToken * contextLength);

/** What forbids serving this artifact with this spec. */
export function refuseServing(spec: Spec, model: ResolvedInput | undefined): Refusal | undefined {
  return firstRefusal(
    () => refuseContext(spec, model),
    () =>
      refuseMemory(
        servingPlan(spec, model),
        spec.compute,
        "contextLength, maxConcurrentRequests or precision",
      ),
  );
}

function refuseContext({ contextLength }: Spec, model: ResolvedInput | undefined): Refusal | undefined {
  const own = model?.artifact.contextLength;
  if (own === undefined || contextLength === undefined || contextLength <= own) return undefined;
  return invalidSpec(
    `spec.contextLength ${contextLength} is over the context of ${own} tokens that ${model?.kind} ${model?.name} has; set it to ${own} or less, or leave it out`,
  );
}
