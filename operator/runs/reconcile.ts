import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../clock/clock.ts";
import { setCondition } from "../cluster/conditions.ts";
import { applyChild, ChildError } from "../engine/children.ts";
import { type Consumer, inUseFinalizer, usersOf } from "../engine/in-use.ts";
import { type Run, type RunStatus, runResource } from "../engine/run.ts";
import type { BatchKind } from "../kinds/batch-kind.ts";
import type { Reconciler } from "../runtime/controller.ts";
import type { EventRecorder } from "../runtime/events.ts";
import { withFinalizer } from "../runtime/finalizer.ts";
import { done, type Outcome } from "../runtime/outcome.ts";
import { decide, decideHeld } from "./decide.ts";
import { happening, happenings } from "./events.ts";
import { type Decision, readScope, readSpec, type ScopeReader } from "./scope.ts";
import { lookAgainSeconds } from "./step.ts";

/** The thin rim around the decisions: reads the world once, carries out what was decided, writes status once, then tells. */

export interface RunEngine extends ScopeReader {
  clock: Clock;
  recorder: EventRecorder;
  /** All kinds whose objects read artifacts. */
  consumers: readonly Consumer[];
}

export function reconcileRun(kind: BatchKind, engine: RunEngine): Reconciler {
  const { cluster } = engine;
  const resource = runResource(kind);
  return {
    async reconcile({ namespace, name }) {
      const run = await cluster.get(resource, namespace, name);
      if (run === undefined) return done;
      return withFinalizer(cluster, resource, run, inUseFinalizer, {
        reconcile: () => advance(engine, kind, run),
        cleanUp: () => release(engine, kind, run),
      });
    },
  };
}

async function advance(engine: RunEngine, kind: BatchKind, run: Run): Promise<Outcome> {
  const now = engine.clock.now();
  const hold = (held: Parameters<typeof decideHeld>[1]) => carryOut(engine, kind, run, decideHeld(run, held, now));
  const spec = readSpec(kind, run);
  if ("problem" in spec) {
    // What has ended stays ended, even when a newer schema would not let it in.
    return run.status?.completionTime === undefined ? hold({ reason: "InvalidSpec", message: spec.problem }) : done;
  }
  try {
    return await carryOut(engine, kind, run, decide(await readScope(engine, kind, run, spec, now)));
  } catch (error) {
    if (!(error instanceof ChildError)) throw error;
    return hold(error);
  }
}

async function carryOut(engine: RunEngine, kind: BatchKind, run: Run, decision: Decision): Promise<Outcome> {
  const { cluster } = engine;
  for (const child of decision.apply) await applyChild(cluster, child);
  for (const { resource, object } of decision.remove) await cluster.delete(resource, object);
  await writeStatus(engine, kind, run, decision.status);
  return decision.outcome;
}

/** Only a status that differs is written, and Events follow only what was written. */
async function writeStatus(
  { cluster, recorder }: RunEngine,
  kind: BatchKind,
  run: Run,
  wanted: RunStatus,
): Promise<void> {
  const before = run.status ?? {};
  const status: RunStatus = JSON.parse(JSON.stringify(wanted));
  if (isDeepStrictEqual(before, status)) return;
  const written = await cluster.updateStatus(runResource(kind), { ...run, status });
  await recorder.publish(written, happenings(before, status));
}

/** Deletion was asked for: the run goes unless others still read its artifact; who they are is said in a condition and an Event. */
async function release(engine: RunEngine, kind: BatchKind, run: Run): Promise<Outcome> {
  if (run.status?.artifact === undefined) return done;
  const users = await usersOf(engine.cluster, engine.consumers, run);
  if (users.length === 0) return done;
  const message = `deletion waits for ${users.join(", ")}, which read this artifact: delete them or let them end`;
  const conditions = setCondition(
    run.status.conditions ?? [],
    { type: "InUse", status: "True", reason: "Deleting", message },
    { now: engine.clock.now(), generation: run.metadata.generation ?? 0 },
  );
  const status = { ...run.status, conditions };
  if (!isDeepStrictEqual(run.status, status)) {
    const written = await engine.cluster.updateStatus(runResource(kind), { ...run, status });
    await engine.recorder.publish(written, [happening("Deleting", message)]);
  }
  return { kind: "waiting", reason: "Deleting", message, afterSeconds: lookAgainSeconds };
}
