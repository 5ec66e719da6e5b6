import { expect, test } from "vitest";
import { anObject } from "../../testing/cli-objects.ts";
import type { Attended } from "../watch/wait.ts";
import { conclude } from "./conclusion.ts";

const done = anObject("Corpus", "web", { root: ["True", "Completed"] });
const failed = anObject("PretrainRun", "base", { root: ["False", "NumericsDiverged", "loss is NaN at step 7"] });
const waiting = anObject("AlignmentRun", "chat", { root: ["Unknown", "InputNotReady", "waiting for base"] });
const suspended = anObject("PretrainRun", "base", { root: ["Unknown", "Suspended", "spec.suspend is true"] });
const running = anObject("PretrainRun", "base", { root: ["Unknown", "Running", "at work"] });

test.each<[string, Partial<Attended>, string | undefined, RegExp]>([
  ["all is well", { objects: [done] }, undefined, /^$/],
  [
    "a run failed",
    { objects: [done, failed, waiting] },
    "failed",
    /^2 of 3 .*\n {2}PretrainRun\/base: NumericsDiverged: loss is NaN at step 7\n {2}Align/,
  ],
  ["something waits for what never comes", { objects: [done, waiting] }, "failed", /InputNotReady: waiting for base/],
  ["a run is suspended", { objects: [suspended, waiting] }, "unfinished", /^suspended; set spec.suspend to false/],
  ["a run failed beside a suspended one", { objects: [suspended, failed] }, "failed", /NumericsDiverged/],
  [
    "time is up",
    { end: "timedOut", objects: [done, running] },
    "unfinished",
    /^not finished in time; run again\n {2}PretrainRun\/base: Running: at work$/,
  ],
  ["the person interrupts", { end: "interrupted", objects: [running] }, "interrupted", /^interrupted; run again$/],
  [
    "an object was deleted",
    { gone: [{ kind: "Corpus", namespace: "default", name: "web" }] },
    "failed",
    /^Corpus\/web was deleted/,
  ],
])("when %s", (_, attended, ending, message) => {
  const failure = conclude({ end: "settled", objects: [], gone: [], ...attended }, "run again");
  expect(failure?.ending).toBe(ending);
  expect(failure?.message ?? "").toMatch(message);
});
