import { expect, test } from "vitest";
import { anObject, at } from "../../testing/cli-objects.ts";
import { choosePods, readableLogLine } from "./logs.ts";

const run = anObject("PretrainRun", "base");
const target = { hint: (words: string) => `"tanren ${words}"` };

const aPod = (stage: string, attempt: number, index: number, seconds: number) => ({
  metadata: {
    ...anObject("Pod", `base-${stage}-${attempt}-${index}`).metadata,
    creationTimestamp: at(seconds),
    labels: { "tanren.dev/stage": stage, "tanren.dev/attempt": String(attempt) },
  },
});

const pods = [
  aPod("train", 1, 0, 0),
  aPod("train", 2, 1, 61),
  aPod("train", 2, 0, 60),
  aPod("measure", 1, 0, 90),
  aPod("train", 10, 0, 50),
];

test.each([
  ["the stage that began last", {}, ["base-measure-1-0"]],
  ["the greatest attempt of a stage", { stage: "train" }, ["base-train-10-0"]],
  [
    "the attempt before it, every rank in order",
    { stage: "train", previous: true },
    ["base-train-2-0", "base-train-2-1"],
  ],
  ["an attempt by its number", { stage: "train", attempt: 1 }, ["base-train-1-0"]],
])("%s", (_, options, names) => {
  expect(choosePods(pods, run, options, target).map(({ metadata }) => metadata.name)).toEqual(names);
});

test.each([
  [
    { stage: "export" },
    /^PretrainRun\/base has no pods of stage export, only of train, measure; see "tanren describe pretrainrun base"$/,
  ],
  [
    { stage: "train", attempt: 3 },
    /^PretrainRun\/base has no pods of attempt 3 of stage train.*, only of 10, 2, 1: /,
  ],
  [{ previous: true }, /^PretrainRun\/base has no pods of an earlier attempt, only of 1: /],
])("%j is told with what there is", (options, sentence) => {
  expect(() => choosePods(pods, run, options, target)).toThrow(sentence);
});

test.each([
  [
    '{"time":"2026-01-01T12:34:56.789Z","program":"train","event":"step","step":10,"loss":3.21987}',
    "12:34:56  step  step=10  loss=3.220",
  ],
  [
    '{"event":"ended","message":"no file is left","reason":"NoDocumentsLeft"}',
    'ended  message="no file is left"  reason=NoDocumentsLeft',
  ],
  ['{"event":"counts","dropped":{"short":3}}', 'counts  dropped={"short":3}'],
  ["Traceback (most recent call last):", "Traceback (most recent call last):"],
  ["{not json", "{not json"],
])("%s", (line, shown) => expect(readableLogLine(line)).toBe(shown));
