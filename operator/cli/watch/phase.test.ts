import { describe, expect, test } from "vitest";
import { type Reason, reasons } from "../../api/reasons.ts";
import { rootState } from "../../engine/reconcile-result.ts";
import { anObject, at } from "../../testing/cli-objects.ts";
import type { AnyObject } from "../kinds.ts";
import { isSettled, phaseOf, quietSeconds } from "./phase.ts";
import { conclude } from "./wait.ts";

const done = anObject("Corpus", "web", { root: ["True", "Completed"] });
const failed = anObject("PretrainRun", "base", { root: ["False", "RestartsExhausted"] });
const running = anObject("PretrainRun", "base", { root: ["Unknown", "Running"] });
const waiting = anObject("AlignmentRun", "chat", { root: ["Unknown", "InputNotReady"] });

const still = (...objects: AnyObject[]) =>
  objects.map((object) => ({ object, secondsUnchanged: quietSeconds }));
const fresh = (...objects: AnyObject[]) =>
  objects.map((object) => ({ object, secondsUnchanged: quietSeconds - 1 }));

/** What a person who waits for an object expects when it gives a reason. */
const expectations = {
  Pending: "waits on",
  ReconcileFailed: "waits on",
  WaitingForPods: "waits on",
  Queued: "waits on",
  NodeLost: "waits on",
  Running: "waits on",
  StageStarted: "waits on",
  CheckpointPassedOver: "waits on",
  StageRestarted: "waits on",
  StageCompleted: "waits on",
  Retried: "waits on",
  RetryIgnored: "waits on",
  Resumed: "waits on",
  RollingOut: "waits on",
  Scaling: "waits on",
  PeerLost: "waits on",
  GangNotPlaced: "waits on",
  PodLost: "waits on",
  JobDeleted: "waits on",
  ProgramHung: "waits on",
  Terminated: "waits on",

  InputNotReady: "fails when nothing else moves",
  InputNotFound: "fails when nothing else moves",
  EvaluationNotPassed: "fails when nothing else moves",
  Deleting: "fails when nothing else moves",
  JobSuspended: "fails when nothing else moves",
  NoProgress: "waits on",
  FailedCreate: "fails when nothing else moves",
  SurgeUnschedulable: "fails when nothing else moves",

  InvalidSpec: "fails when it stays",
  NotAllowed: "fails when it stays",
  CyclicReference: "fails when it stays",
  InsufficientMemory: "fails when it stays",
  InputFailed: "fails when it stays",
  NameTaken: "fails when it stays",
  TokenizerMismatch: "fails when it stays",
  PortInUse: "fails when it stays",
  DiskFull: "fails when it stays",
  RolloutFailed: "fails when it stays",

  Suspended: "is unfinished when it stays",

  InvalidConfig: "has failed",
  InvalidData: "has failed",
  ArtifactDamaged: "has failed",
  NoDocumentsLeft: "has failed",
  RatiosNotMet: "has failed",
  NoLongDocuments: "has failed",
  ModelTooLarge: "has failed",
  NoPreferencePairs: "has failed",
  NumericsDiverged: "has failed",
  OutOfMemory: "has failed",
  ProgramFailed: "has failed",
  CheckpointsDamaged: "has failed",
  DeadlineExceeded: "has failed",
  RestartsExhausted: "has failed",
  ThresholdsNotMet: "has failed",

  Completed: "is done",
  ThresholdsMet: "is done",
  Available: "is done",
  NoThresholds: "is done",
  ScaledToZero: "is done",
} as const satisfies Record<Reason, string>;

function observed(object: AnyObject): string {
  const exitCode = conclude({ end: "settled", objects: [object], gone: [] }, "")?.exitCode ?? "done";
  const busy = fresh(running);
  if (isSettled(fresh(object), busy)) return exitCode === "done" ? "is done" : "has failed";
  const outcome = exitCode === "failed" ? "fails" : "is unfinished";
  if (isSettled(still(object), busy)) return `${outcome} when it stays`;
  if (isSettled(still(object), [])) return `${outcome} when nothing else moves`;
  return "waits on";
}

describe("a person who waits for", () => {
  test.each(Object.entries(expectations) as [Reason, string][])(
    "a run that says %s: %s",
    (reason, expected) => {
      const { status } = rootState("Succeeded", { reason, message: "" });
      expect(observed(anObject("PretrainRun", "base", { root: [status, reason] }))).toBe(expected);
    },
  );

  test.each(Object.entries(expectations) as [Reason, string][])(
    "an endpoint that says %s: %s",
    (reason, expected) => {
      const { status } = rootState("Ready", { reason, message: "" });
      // Its pods are started over and over: they may recover.
      const mendable = expected === "has failed" ? "fails when it stays" : expected;
      expect(observed(anObject("InferenceDeployment", "chat", { root: [status, reason] }))).toBe(mendable);
    },
  );

  test("every reason of the table is one of these", () => {
    expect(Object.keys(expectations).toSorted()).toEqual(Object.keys(reasons).toSorted());
  });
});

describe("phaseOf", () => {
  const stalled = (object: AnyObject): AnyObject => {
    const [root] = object.status?.conditions ?? [];
    const conditions = root && [root, { ...root, type: "Stalled", status: "True" as const }];
    return { ...object, status: { ...object.status, conditions } };
  };
  const later = (status: "True" | "False" | "Unknown", completionTime?: string) =>
    anObject("Corpus", "web", { root: [status, "OfALaterVersion"], status: { completionTime } });

  test.each([
    ["no operator has looked at it", anObject("Corpus", "new"), "waiting"],
    [
      "a completed Evaluation that missed a threshold",
      anObject("Evaluation", "ja", { root: ["True", "Completed"], status: { passed: false } }),
      "failed",
    ],
    [
      "a condition about an older spec",
      { ...done, metadata: { ...done.metadata, generation: 2 } },
      "waiting",
    ],
    ["an unknown reason, True", later("True"), "done"],
    ["an unknown reason, not stalled", later("Unknown"), "running"],
    ["an unknown reason, stalled", stalled(later("False")), "blocked"],
    ["an unknown reason, False", later("False"), "failed"],
    ["an unknown reason of a run that has ended", stalled(later("False", at(5))), "failed"],
    [
      "an endpoint's unknown reason",
      anObject("InferenceDeployment", "chat", { root: ["False", "OfALaterVersion"] }),
      "running",
    ],
    [
      "an endpoint's unknown reason, stalled",
      stalled(anObject("InferenceDeployment", "chat", { root: ["False", "OfALaterVersion"] })),
      "blocked",
    ],
  ] as const)("%s", (_, object, phase) => expect(phaseOf(object)).toBe(phase));
});

describe("isSettled", () => {
  test("at once when every run has ended", () => expect(isSettled(fresh(done, failed), [])).toBe(true));

  test("never while one of them moves", () => expect(isSettled(still(done, running), [])).toBe(false));

  test("what waits is given time, for its input may just have ended", () => {
    expect(isSettled([...still(done), ...fresh(waiting)], [])).toBe(false);
    expect(isSettled([...fresh(done), ...still(waiting)], [])).toBe(false);
    expect(isSettled(still(done, waiting), [])).toBe(true);
  });

  test("what waits may wait for an object that was not asked for", () => {
    expect(isSettled(still(waiting), still(running))).toBe(false);
    expect(isSettled(still(waiting), still(failed))).toBe(true);
  });
});
