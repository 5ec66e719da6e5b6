import { isReason, type Reason, reasonEntry } from "../api/reasons.ts";
import { findCondition } from "../cluster/conditions.ts";
import type { Condition } from "../cluster/objects.ts";
import type { Attempt, RunStatus, StageStatus } from "../engine/run.ts";
import type { Happening } from "../runtime/events.ts";

/** What to tell people: a function of the status before and after, so that no Event can report what status does not say. */

export function happening(reason: Reason, note: string): Happening {
  return { type: reasonEntry(reason).event, reason, note, action: "Reconcile" };
}

export function happenings(before: RunStatus, after: RunStatus): Happening[] {
  return [
    ...(after.attempts ?? []).flatMap((attempt) => ofAttempt(before, attempt)),
    ...(after.stages ?? []).flatMap((stage) => ofStage(before, stage)),
    ...["Succeeded", "Passed"].flatMap((type) =>
      ofCondition(findCondition(before.conditions, type), findCondition(after.conditions, type)),
    ),
  ];
}

function ofAttempt(
  before: RunStatus,
  { stage, number, jobName, endTime, reason, message, resumedFromStep }: Attempt,
): Happening[] {
  const old = before.attempts?.find((other) => other.stage === stage && other.number === number);
  const told: Happening[] = [];
  if (old === undefined && number === 1)
    told.push(happening("StageStarted", `stage ${stage} begins with Job ${jobName}`));
  if (old === undefined && number > 1) {
    const from = resumedFromStep === undefined ? "" : ` from step ${resumedFromStep}`;
    told.push(happening("StageRestarted", `stage ${stage} goes on${from} with Job ${jobName}`));
  }
  if (old?.endTime === undefined && endTime !== undefined && isReason(reason) && reason !== "StageCompleted") {
    told.push(happening(reason, `stage ${stage}, attempt ${number}: ${message}`));
  }
  return told;
}

function ofStage(before: RunStatus, { name, state }: StageStatus): Happening[] {
  const old = before.stages?.find((stage) => stage.name === name)?.state;
  return state === "Succeeded" && old !== "Succeeded" ? [happening("StageCompleted", `stage ${name} ended well`)] : [];
}

/** Told elsewhere, or not worth telling. */
const untold = new Set<string>(["Pending", "Running", "WaitingForPods", "StageRestarted"]);

function ofCondition(old: Condition | undefined, now: Condition | undefined): Happening[] {
  if (now === undefined || old?.reason === now.reason) return [];
  const told: Happening[] = [];
  if (old?.reason === "Suspended" && now.status !== "False")
    told.push(happening("Resumed", "spec.suspend is false again"));
  if (isReason(now.reason) && !untold.has(now.reason)) told.push(happening(now.reason, now.message));
  return told;
}
