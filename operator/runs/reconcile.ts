import { notAllowed } from "../api/allowed.ts";
import type { Inputs } from "../api/artifact.ts";
import type { Reason } from "../api/reasons.ts";
import { setCondition } from "../cluster/conditions.ts";
import {
  ChildError,
  carryOut,
  newEvent,
  outcomeOf,
  type Rim,
  type Root,
} from "../engine/reconcile-result.ts";
import { type Consumer, inUseFinalizer, isResolved, resolve, usersOf } from "../engine/references.ts";
import { type BatchKind, type Run, type RunStatus, runResource } from "../kinds/batch-kind.ts";
import { missingNeed } from "../kinds/needs.ts";
import { cyclicReference } from "../kinds/reference-problems.ts";
import type { Reconciler } from "../runtime/controller.ts";
import { withFinalizer } from "../runtime/finalizer.ts";
import { done, lookAgainSeconds, type Outcome } from "../runtime/outcome.ts";
import { type RunScope, readScope, type ScopeReader } from "./scope.ts";
import { reconcileStage } from "./stage.ts";
import { children, isOfAttempt, suspension } from "./stage-objects.ts";
import { fail, type RunResult } from "./stage-results.ts";
import {
  concludeStatus,
  hasFailed,
  openStage,
  retried,
  retriedMessage,
  runEvents,
  withStages,
} from "./status.ts";

/** One reconcile of a batch object: the world is read once, the phases decide, the rim carries out. */

/** What the phases pass on: the status as it grows, and the inputs once they are known. */
interface Known {
  status: RunStatus;
  inputs: Inputs;
  /** The first input that is not there. */
  unresolved?: Root;
}

interface RunPhase {
  name: string;
  /** What holds for the phases after it. */
  invariant: string;
  /** The result, if this phase decides; else what is known for the next. */
  decide(scope: RunScope, known: Known): RunResult | Known;
}

/** In order; the first that has a result decides, and the last always has one. */
export const runPhases: readonly RunPhase[] = [
  {
    name: "retry",
    invariant: "status.observedRetry is spec.retry: no retry is lost, none is made twice",
    decide: retry,
  },
  { name: "retire", invariant: "the run has not ended: what has ended starts nothing", decide: retire },
  {
    name: "deadline",
    invariant: "activeDeadlineSeconds have not passed since the start or the last retry",
    decide: checkDeadline,
  },
  { name: "allowed", invariant: "the platform lets the run use what its spec names", decide: checkAllowed },
  {
    name: "plan",
    invariant: "status has the plan of a run that has not begun; a run that has keeps its own",
    decide: plan,
  },
  { name: "references", invariant: "every referenced object has its artifact", decide: resolveReferences },
  {
    name: "refusal",
    invariant: "the kind refuses nothing: pods are started only for what can succeed",
    decide: refuse,
  },
  { name: "needs", invariant: "every claim that the spec names exists", decide: checkNeeds },
  {
    name: "claim",
    invariant: "the claim that the spec names is there, and the directory is the run's to write to",
    decide: checkClaim,
  },
  { name: "stage", invariant: "status names an attempt only after its Job was made", decide: advanceStage },
];

const isResult = (next: RunResult | Known): next is RunResult => "apply" in next;

/** What is to be done with a run, as a pure function of what was read. */
export function decide(scope: RunScope): RunResult {
  let known: Known = { status: scope.run.status ?? {}, inputs: new Map() };
  for (const phase of runPhases) {
    const next = phase.decide(scope, known);
    if (isResult(next)) return wakeInTime(scope, next);
    known = next;
  }
  throw new TypeError("the last phase of a run has no result");
}

const blocked = (
  status: RunStatus,
  reason: Reason,
  message: string,
  more: Partial<RunResult> = {},
): RunResult => ({
  status,
  root: { reason, message },
  apply: [],
  remove: [],
  ...more,
});

const refused = (status: RunStatus, { reason, message }: Root): RunResult => blocked(status, reason, message);

/**
 * A greater spec.retry begins a failed run again; any other is only noted. Only an increase counts, so that a
 * GitOps tool that takes back what `tanren retry` wrote does not retry once more. That the retry was seen and
 * that the run is open again is one write.
 */
function retry(scope: RunScope, known: Known): RunResult | Known {
  const { observedRetry } = known.status;
  const wanted = scope.spec.retry;
  if (wanted === observedRetry) return known;
  const status = { ...known.status, observedRetry: wanted };
  if (wanted <= (observedRetry ?? 0) || !hasFailed(status)) return { ...known, status };
  const open = retried(status, scope.now);
  return {
    status: open,
    root: { reason: "Retried", message: retriedMessage(open) },
    requeueAfter: 0,
    apply: [],
    remove: [],
  };
}

/** A finished run does nothing but delete its Jobs after ttlSecondsAfterFinished. */
function retire(scope: RunScope, known: Known): RunResult | Known {
  const { completionTime } = known.status;
  if (completionTime === undefined) return known;
  const nothing: RunResult = { status: known.status, apply: [], remove: [] };
  const ttl = scope.spec.ttlSecondsAfterFinished;
  if (ttl === undefined) return nothing;
  const left = Math.ceil((Date.parse(completionTime) - scope.now.getTime()) / 1000) + ttl;
  if (left > 0) return { ...nothing, requeueAfter: left };
  // A run that failed may be retried, and needs the results of the stages that have completed.
  return { ...nothing, remove: children(scope, hasFailed(known.status) ? isOfAttempt : () => true) };
}

function checkDeadline(scope: RunScope, known: Known): RunResult | Known {
  const { status } = known;
  const left = secondsToDeadline(scope, status);
  if (left === undefined || left > 0) return known;
  const since = status.retryTime === undefined ? "start" : "last retry";
  const message = `the run had not ended ${scope.spec.activeDeadlineSeconds} s after its ${since}, as spec.activeDeadlineSeconds asks`;
  return fail(scope, status, openStage(status), "DeadlineExceeded", message);
}

/** What has begun was allowed then, and may have become another only for a retry. */
function checkAllowed({ kind, run, allowed }: RunScope, known: Known): RunResult | Known {
  const problem = !beginsAnew(known.status) ? undefined : notAllowed(kind.definition, run.spec, allowed);
  return problem === undefined ? known : blocked(known.status, "NotAllowed", problem);
}

const hasBegun = ({ startTime }: RunStatus) => startTime !== undefined;

/** Whether what comes next is the first attempt, or the first since a retry: the spec may be another. */
const beginsAnew = (status: RunStatus) => !hasBegun(status) || status.attempts?.at(-1)?.retried === true;

function plan({ kind, spec, references, storage }: RunScope, { status: before }: Known): Known {
  const { claimName, directory } = storage;
  const status = { ...before, storage: { claimName, directory } };
  const seen = references.map(resolve);
  const inputs: Inputs = new Map(seen.filter(isResolved).map((input) => [input.role, input]));
  const unresolved = seen.find((input): input is Root => !isResolved(input));
  return {
    inputs,
    unresolved,
    status: beginsAnew(status) ? { ...status, plan: kind.plan(spec, inputs) } : status,
  };
}

function resolveReferences(scope: RunScope, known: Known): RunResult | Known {
  const { status, unresolved } = known;
  if (scope.cycle !== undefined && !hasBegun(status)) return refused(status, cyclicReference(scope.cycle));
  if (unresolved === undefined) return known;
  // A run that has begun may be suspended even while an input is gone.
  return blocked(status, unresolved.reason, unresolved.message, hasBegun(status) ? suspension(scope) : {});
}

function refuse(scope: RunScope, known: Known): RunResult | Known {
  const { status, inputs } = known;
  const refusal = beginsAnew(status) ? scope.kind.refuse(scope.spec, inputs) : undefined;
  if (refusal === undefined) return known;
  // A run that has begun may change only once it has failed.
  return hasBegun(status)
    ? fail(scope, status, openStage(status), refusal.reason, refusal.message)
    : refused(status, refusal);
}

function checkNeeds({ absent: [missing] }: RunScope, known: Known): RunResult | Known {
  return missing === undefined ? known : refused(known.status, missingNeed(missing));
}

/** Whether a claim that is to be made finds its name taken shows when it is made. */
function checkClaim({ storage, claimMissing, holder }: RunScope, known: Known): RunResult | Known {
  if (claimMissing) {
    const need = {
      kind: "PersistentVolumeClaim",
      name: storage.claimName,
      field: "storage.claimName",
    } as const;
    return refused(known.status, missingNeed(need));
  }
  if (holder === undefined || hasBegun(known.status)) return known;
  const message = `${holder} writes to ${storage.directory}, which spec.storage.adopt names; delete it first, its directory stays`;
  return blocked(known.status, "NameTaken", message, { requeueAfter: lookAgainSeconds });
}

function advanceStage(scope: RunScope, { status, inputs }: Known): RunResult {
  const stages = scope.kind.stages(scope.spec, inputs);
  return reconcileStage(scope, { status: withStages(status, stages), inputs, stages });
}

function secondsToDeadline(
  { spec, now }: RunScope,
  { startTime, retryTime = startTime }: RunStatus,
): number | undefined {
  if (spec.activeDeadlineSeconds === undefined || retryTime === undefined) return undefined;
  return Math.ceil((Date.parse(retryTime) - now.getTime()) / 1000) + spec.activeDeadlineSeconds;
}

/** Wakes the run at its deadline, or when it is to be retired, unless something else wakes it before. */
function wakeInTime(scope: RunScope, result: RunResult): RunResult {
  const endsNow =
    result.status.completionTime !== undefined && scope.run.status?.completionTime === undefined;
  if (endsNow) return { ...result, requeueAfter: scope.spec.ttlSecondsAfterFinished };
  const left = secondsToDeadline(scope, result.status);
  if (left === undefined || result.status.completionTime !== undefined) return result;
  const outcome = outcomeOf(result);
  const due = "afterSeconds" in outcome ? outcome.afterSeconds : Number.POSITIVE_INFINITY;
  return { ...result, requeueAfter: Math.min(due, Math.max(0, left)) };
}

export interface RunReconciler extends ScopeReader, Rim {
  /** All kinds whose objects read artifacts. */
  consumers: readonly Consumer[];
}

export function reconcileRun(kind: BatchKind, reader: RunReconciler): Reconciler {
  const { cluster } = reader;
  const resource = runResource(kind);
  return {
    async reconcile({ namespace, name }) {
      const run = await cluster.get(resource, namespace, name);
      if (run === undefined) return done;
      return withFinalizer(cluster, resource, run, inUseFinalizer, {
        reconcile: () => advance(reader, kind, run),
        cleanUp: () => release(reader, kind, run),
      });
    },
    async failed({ namespace, name }, problem) {
      const run = await cluster.get(resource, namespace, name);
      if (run === undefined || run.status?.completionTime !== undefined) return;
      const message = `the operator fails at this run and tries again: ${problem}`;
      await write(reader, kind, run, blocked(run.status ?? {}, "ReconcileFailed", message));
    },
  };
}

async function advance(reader: RunReconciler, kind: BatchKind, run: Run): Promise<Outcome> {
  const parsed = reader.specs.read(kind, run);
  const status = run.status ?? {};
  if ("problem" in parsed) {
    // What has ended stays ended, even when a newer schema would not let it in.
    return write(
      reader,
      kind,
      run,
      status.completionTime === undefined
        ? blocked(status, "InvalidSpec", parsed.problem)
        : { status, apply: [], remove: [] },
    );
  }
  try {
    return await write(reader, kind, run, decide(await readScope(reader, kind, run, parsed)));
  } catch (error) {
    if (!(error instanceof ChildError)) throw error;
    const waits = { requeueAfter: lookAgainSeconds };
    return write(reader, kind, run, blocked(status, error.reason, error.message, waits));
  }
}

const placeOf = (kind: BatchKind, run: Run) => ({
  resource: runResource(kind),
  schema: kind.definition.status,
  owner: run,
});

async function write(reader: RunReconciler, kind: BatchKind, run: Run, result: RunResult): Promise<Outcome> {
  const status = concludeStatus(run, result, reader.clock.now());
  await carryOut(reader, { ...placeOf(kind, run), result, status, events: runEvents });
  return outcomeOf(result);
}

/**
 * Deletion was asked for: the run goes unless others still read its artifact, which a condition and an Event
 * say.
 */
async function release(reader: RunReconciler, kind: BatchKind, run: Run): Promise<Outcome> {
  if (run.status?.artifact === undefined) return done;
  const users = await usersOf(reader.cluster, reader.consumers, run);
  if (users.length === 0) return done;
  const reason = "Deleting" satisfies Reason;
  const message = `deletion waits for ${users.join(", ")}, which read this artifact: delete them or let them end`;
  const seen = { now: reader.clock.now(), generation: run.metadata.generation ?? 0 };
  const inUse = setCondition(
    run.status.conditions ?? [],
    { type: "InUse", status: "True", reason, message },
    seen,
  );
  const status = {
    ...run.status,
    conditions: setCondition(inUse, { type: "Ready", status: "False", reason, message }, seen),
  };
  await carryOut(reader, {
    ...placeOf(kind, run),
    result: { apply: [], remove: [] },
    status,
    events: () => [newEvent(reason, message)],
  });
  return outcomeOf({ root: { reason, message } });
}
