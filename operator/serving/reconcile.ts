import { isDeepStrictEqual } from "node:util";
import { type InferenceDeployment, inferenceDeployment } from "../api/kinds.ts";
import { type Reason, reasons } from "../api/reasons.ts";
import type { Clock } from "../clock/clock.ts";
import { findCondition, setRootCondition } from "../cluster/conditions.ts";
import { applyChild, ChildError } from "../engine/children.ts";
import { happening } from "../runs/events.ts";
import { lookAgainSeconds } from "../runs/step.ts";
import type { Reconciler } from "../runtime/controller.ts";
import type { EventRecorder } from "../runtime/events.ts";
import { done, type Outcome } from "../runtime/outcome.ts";
import { decideServing } from "./decide.ts";
import { readServingScope, type ServingReader, type ServingSpec, type ServingStatus } from "./scope.ts";

export interface ServingEngine extends ServingReader {
  clock: Clock;
  recorder: EventRecorder;
}

/** Owner references take everything along when the object is deleted, so it needs no finalizer. */
export function reconcileServing(engine: ServingEngine): Reconciler {
  return {
    async reconcile({ namespace, name }) {
      const owner = await engine.cluster.get(inferenceDeployment.resource, namespace, name);
      if (owner === undefined || owner.metadata.deletionTimestamp !== undefined) return done;
      const parsed = inferenceDeployment.spec.safeParse(owner.spec);
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        return held(engine, owner, "InvalidSpec", `spec.${issue?.path.join(".")}: ${issue?.message}`);
      }
      try {
        return await advance(engine, owner, parsed.data as ServingSpec);
      } catch (error) {
        if (!(error instanceof ChildError)) throw error;
        return held(engine, owner, error.reason, error.message);
      }
    },
  };
}

async function advance(engine: ServingEngine, owner: InferenceDeployment, spec: ServingSpec): Promise<Outcome> {
  const decision = decideServing(await readServingScope(engine, owner, spec, engine.clock.now()));
  for (const child of decision.apply) await applyChild(engine.cluster, child);
  for (const { resource, object } of decision.remove) await engine.cluster.delete(resource, object);
  await writeStatus(engine, owner, decision.status);
  return decision.outcome;
}

/** Nothing can be decided yet; what runs goes on running. */
async function held(
  engine: ServingEngine,
  owner: InferenceDeployment,
  reason: Reason,
  message: string,
): Promise<Outcome> {
  const seen = { now: engine.clock.now(), generation: owner.metadata.generation ?? 0 };
  const stalled = reason === "InvalidSpec";
  const state = { type: "Ready", status: "False", reason, message, stalled } as const;
  const conditions = setRootCondition(owner.status?.conditions ?? [], state, seen);
  await writeStatus(engine, owner, { ...owner.status, observedGeneration: seen.generation, conditions });
  return stalled
    ? { kind: "stalled", reason, message }
    : { kind: "waiting", reason, message, afterSeconds: lookAgainSeconds };
}

/** Only a status that differs is written, and an Event follows only what was written. */
async function writeStatus(
  { cluster, recorder }: ServingEngine,
  owner: InferenceDeployment,
  wanted: ServingStatus,
): Promise<void> {
  const status: ServingStatus = JSON.parse(JSON.stringify(wanted));
  if (isDeepStrictEqual(owner.status ?? {}, status)) return;
  const before = findCondition(owner.status?.conditions, "Ready");
  const written = await cluster.updateStatus(inferenceDeployment.resource, { ...owner, status });
  const ready = findCondition(status.conditions, "Ready");
  if (ready === undefined || ready.reason === before?.reason || !Object.hasOwn(reasons, ready.reason)) return;
  await recorder.publish(written, [happening(ready.reason as Reason, ready.message)]);
}
