import { expect, test } from "vitest";
import { anObject, start, trainingProgress } from "../../testing/cli-objects.ts";
import { plainView } from "./views.ts";

/** A log with a clock of the test's own. */
function watched() {
  let now = start;
  const lines: string[] = [];
  const view = plainView({ columns: 80, print: (...more) => void lines.push(...more) }, () => now);
  return {
    view,
    lines,
    pass: (seconds: number) => {
      now += seconds * 1000;
    },
  };
}

const training = (step: number, stage = "train") =>
  anObject("PretrainRun", "base", {
    root: ["Unknown", "Running", "running stage train (1/1)"],
    status: {
      progress: {
        ...trainingProgress,
        stage,
        step,
        total: 100,
        percent: `${step}%`,
        updateTime: new Date(start + step * 1000).toISOString(),
      },
    },
  });

test("steps are told at most every 10 s, with what changed", () => {
  const { view, lines, pass } = watched();
  for (let step = 1; step <= 25; step += 1) {
    view.onObject(training(step));
    pass(1);
  }
  expect(lines).toHaveLength(3);
  expect(lines.map((line) => line.match(/(\d+)%, step (\d+) of 100/)?.slice(1))).toEqual([
    ["1", "1"],
    ["11", "11"],
    ["21", "21"],
  ]);
});

test("a change of stage is told at once", () => {
  const { view, lines } = watched();
  view.onObject(training(1));
  view.onObject(training(1, "export"));
  expect(lines.map((line) => line.match(/Running (\w+)/)?.[1])).toEqual(["train", "export"]);
});

test("the last step of a burst is told when its time has come, and nothing twice", () => {
  const { view, lines, pass } = watched();
  view.onObject(training(1));
  view.onObject(training(2));
  view.tick([training(2)]);
  expect(lines).toHaveLength(1);
  pass(10);
  view.tick([training(2)]);
  expect(lines.at(-1)).toContain("step 2 of 100");
  pass(10);
  view.tick([training(2)]);
  expect(lines).toHaveLength(2);
});
