import { describe, expect, test } from "vitest";
import { anObject } from "../../testing/cli-objects.ts";
import { isSettled, quietSeconds, standingOf } from "./phase.ts";

const done = anObject("Corpus", "web", { root: ["True", "Completed"] });
const failed = anObject("PretrainRun", "base", { root: ["False", "RestartsExhausted"] });
const running = anObject("PretrainRun", "base", { root: ["Unknown", "Running"] });
const waiting = anObject("AlignmentRun", "chat", { root: ["Unknown", "InputNotReady"] });
const suspended = anObject("PretrainRun", "base", { root: ["Unknown", "Suspended"] });

describe("standingOf", () => {
  test.each([
    ["good", done],
    ["failed", failed],
    ["moving", running],
    ["waiting", waiting],
    ["suspended", suspended],
    ["moving", anObject("Corpus", "new")],
    ["moving", anObject("PretrainRun", "base", { root: ["Unknown", "StageRestarted"] })],
    ["moving", anObject("InferenceDeployment", "chat", { root: ["False", "RollingOut"] })],
    ["waiting", anObject("InferenceDeployment", "chat", { root: ["False", "EvaluationNotPassed"] })],
    ["failed", anObject("Evaluation", "ja", { root: ["True", "ThresholdsNotMet"], status: { passed: false } })],
  ])("is %s for the object's conditions", (standing, object) => expect(standingOf(object)).toBe(standing));

  test("a condition that speaks of an older spec does not count", () => {
    const respecified = { ...done, metadata: { ...done.metadata, generation: 2 } };
    expect(standingOf(respecified)).toBe("moving");
  });
});

describe("isSettled", () => {
  test("at once when every object has ended", () => expect(isSettled([done, failed], [], 0)).toBe(true));

  test("never while one of them moves", () => expect(isSettled([done, running], [], 1e6)).toBe(false));

  test("what waits is given time, for its input may just have ended", () => {
    expect(isSettled([done, waiting], [], quietSeconds - 1)).toBe(false);
    expect(isSettled([done, waiting], [], quietSeconds)).toBe(true);
  });

  test("what waits may wait for an object that was not asked for", () => {
    expect(isSettled([waiting], [running], 1e6)).toBe(false);
    expect(isSettled([waiting], [failed], 1e6)).toBe(true);
  });
});
