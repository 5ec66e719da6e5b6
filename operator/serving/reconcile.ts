import { notAllowed } from "../api/allowed.ts";
import { type InferenceDeployment, inferenceDeployment } from "../api/kinds.ts";
import { isReason, type Reason } from "../api/reasons.ts";
import { findCondition, setRootCondition } from "../cluster/conditions.ts";
import {
  ChildError,
  carryOut,
  newEvent,
  outcomeOf,
  type Rim,
  rootState,
} from "../engine/reconcile-result.ts";
import { specProblem } from "../engine/references.ts";
import type { Reconciler } from "../runtime/controller.ts";
import type { NewEvent } from "../runtime/events.ts";
import { done, lookAgainSeconds, type Outcome } from "../runtime/outcome.ts";
import { decide, type ServingResult } from "./decide.ts";
import { readServingScope, type ServingReader, type ServingSpec, type ServingStatus } from "./scope.ts";

export interface ServingReconciler extends ServingReader, Rim {}

/** Owner references take everything along when the object is deleted, so it needs no finalizer. */
export function reconcileServing(reader: ServingReconciler): Reconciler {
  return {
    async reconcile({ namespace, name }) {
      const owner = await reader.cluster.get(inferenceDeployment.resource, namespace, name);
      if (owner === undefined || owner.metadata.deletionTimestamp !== undefined) return done;
      const parsed = inferenceDeployment.spec.safeParse(owner.spec);
      if (!parsed.success)
        return write(reader, owner, unchanged(owner, "InvalidSpec", specProblem(parsed.error)));
      // Nothing is rendered from such a spec, and what is served stays as it is.
      const problem = notAllowed(inferenceDeployment, owner.spec, reader.allowed);
      if (problem !== undefined) return write(reader, owner, unchanged(owner, "NotAllowed", problem));
      try {
        const scope = await readServingScope(reader, owner, parsed.data as ServingSpec, reader.clock.now());
        return await write(reader, owner, decide(scope));
      } catch (error) {
        if (!(error instanceof ChildError)) throw error;
        return write(reader, owner, {
          ...unchanged(owner, error.reason, error.message),
          requeueAfter: lookAgainSeconds,
        });
      }
    },
    async failed({ namespace, name }, problem) {
      const owner = await reader.cluster.get(inferenceDeployment.resource, namespace, name);
      if (owner === undefined) return;
      const message = `the operator fails at this endpoint and tries again: ${problem}`;
      await write(reader, owner, unchanged(owner, "ReconcileFailed", message));
    },
  };
}

/** Nothing can be decided yet; what runs keeps running. */
const unchanged = (owner: InferenceDeployment, reason: Reason, message: string): ServingResult => ({
  status: owner.status ?? {},
  root: { reason, message },
  apply: [],
  remove: [],
});

async function write(
  reader: ServingReconciler,
  owner: InferenceDeployment,
  result: ServingResult,
): Promise<Outcome> {
  const seen = { now: reader.clock.now(), generation: owner.metadata.generation ?? 0 };
  const { status, root } = result;
  const conditions = root
    ? setRootCondition(status.conditions ?? [], rootState("Ready", root), seen)
    : status.conditions;
  await carryOut(reader, {
    resource: inferenceDeployment.resource,
    schema: inferenceDeployment.status,
    owner,
    result,
    status: { ...status, observedGeneration: seen.generation, conditions },
    events: readyEvents,
  });
  return outcomeOf(result);
}

/** Every change of Ready's reason is told. */
function readyEvents(before: ServingStatus, after: ServingStatus): NewEvent[] {
  const old = findCondition(before.conditions, "Ready");
  const ready = findCondition(after.conditions, "Ready");
  return ready && ready.reason !== old?.reason && isReason(ready.reason)
    ? [newEvent(ready.reason, ready.message)]
    : [];
}
