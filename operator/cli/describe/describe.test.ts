import { expect, test } from "vitest";
import type { Event } from "../../cluster/objects.ts";
import { anObject, at, start } from "../../testing/cli-objects.ts";
import { widthOf } from "../terminal/width.ts";
import { describeObject } from "./describe.ts";

const extension = anObject("ContextExtension", "long", {
  root: ["True", "Completed", "2/2 stages completed"],
  spec: { model: { pretrainRun: { name: "base" } }, contextLength: 512, comparisons: [] },
  status: {
    plan: { ranks: 1, parameters: 3_370_000, memoryPerRankBytes: 2 ** 30, memoryLimitPerRankBytes: 2 ** 31 },
    stages: [
      {
        name: "extend",
        state: "Succeeded",
        startTime: at(0),
        completionTime: at(90),
        metrics: [{ name: "loss", value: "2.34567" }],
      },
    ],
    attempts: [
      {
        stage: "extend",
        number: 1,
        jobName: "long-extend-1",
        startTime: at(0),
        endTime: at(90),
        reason: "StageCompleted",
        message: "長い文脈での学習が終わりました。",
        exitCode: 0,
      },
    ],
    positionLosses: [
      { label: "base", from: 0, to: 256, loss: "2.5" },
      { label: "base", from: 256, to: 512, loss: "7.125" },
      { label: "positionInterpolation", from: 0, to: 256, loss: "2.4" },
      { label: "positionInterpolation", from: 256, to: 512, loss: "2.3" },
    ],
  },
});

const event = (seconds: number, version: string, reason: string): Event => ({
  apiVersion: "events.k8s.io/v1",
  kind: "Event",
  metadata: {
    name: reason,
    namespace: "default",
    uid: reason,
    resourceVersion: version,
    creationTimestamp: at(seconds),
  },
  type: "Normal",
  reason,
  action: "Reconcile",
  note: "stage extend",
  regarding: { apiVersion: "", kind: "ContextExtension", namespace: "default", name: "long", uid: "" },
  reportingController: "",
  reportingInstance: "",
  eventTime: at(seconds),
});
const events = [
  event(90, "10", "Completed"),
  event(90, "9", "StageCompleted"),
  event(0, "2", "StageStarted"),
];

test("everything about an object stands under its name, from heading to events", () => {
  const view = { columns: 100, now: start + 100_000 };
  expect(`\n${describeObject(extension, events, view).join("\n")}\n`).toMatchInlineSnapshot(`
    "
    ContextExtension/long
      namespace default, generation 1, 100s old
      Succeeded is True: Completed: 2/2 stages completed

    Spec
      model          pretrainRun { name base }
      contextLength  512
      comparisons    []

    Plan
      parameters       3.37M
      ranks            1
      memory per rank  1.00 GiB of 2.00 GiB

    Stages
      STAGE   STATE       TOOK
      extend  Succeeded  1m30s

    Attempts
      STAGE   NUMBER   AGE   TOOK  EXIT  REASON          MESSAGE
      extend       1  100s  1m30s     0  StageCompleted  長い文脈での学習が終わりました。

    Figures
      extend  loss 2.346

    Loss by token position
      POSITION   base  positionInterpolation
         0-255  2.500                  2.400
       256-511  7.125                  2.300

    Conditions
      TYPE       STATUS  REASON     SINCE  MESSAGE
      Succeeded  True    Completed   100s  2/2 stages completed

    Events
       AGE  TYPE    REASON          NOTE
      100s  Normal  StageStarted    stage extend
       10s  Normal  StageCompleted  stage extend
       10s  Normal  Completed       stage extend
    "
  `);
});

test("one part stands alone under the object's name", () => {
  const lines = describeObject(extension, events, { columns: 100, now: start }, "events");
  expect(lines[0]).toBe("ContextExtension/long");
  expect(lines.filter((line) => /Spec|Stages/.test(line))).toEqual([]);
  expect(lines.map((line) => line.trim().split(/ +/)[2])).toEqual([
    undefined,
    undefined,
    "REASON",
    "StageStarted",
    "StageCompleted",
    "Completed",
  ]);
});

test.each([72, 80, 120])("no line is wider than %d columns", (columns) => {
  for (const line of describeObject(extension, events, { columns, now: start }))
    expect(widthOf(line)).toBeLessThanOrEqual(columns);
});
