import { describe, expect, test } from "vitest";
import { anObject, at, start, trainingProgress } from "../../testing/cli-objects.ts";
import { widthOf } from "../terminal/width.ts";
import { progressBar, renderLive, rowOf } from "./live-table.ts";

const objects = [
  anObject("Corpus", "web", {
    root: ["True", "Completed", "all stages ended well"],
    status: {
      startTime: at(0),
      completionTime: at(61),
      progress: { ...trainingProgress, stage: "tokenize", metrics: [] },
    },
  }),
  anObject("PretrainRun", "base", {
    root: ["Unknown", "Running", "step 450 of 1000"],
    status: { progress: trainingProgress },
  }),
  anObject("ContextExtension", "long", {
    root: ["Unknown", "InputNotReady", "PretrainRun base has no artifact yet"],
  }),
  anObject("AlignmentRun", "chat", {
    root: ["False", "InvalidData", "データ data/chat.jsonl の 12 行目は JSON ではありません; 直してください"],
  }),
  anObject("Evaluation", "japanese", {
    root: ["True", "Completed"],
    status: {
      startTime: at(0),
      completionTime: at(5),
      scores: [
        { suite: "jsquad", metric: "exact_match", value: "0.843", low: "0.8", high: "0.88", count: 100 },
      ],
    },
  }),
  anObject("InferenceDeployment", "assistant", {
    root: ["False", "RollingOut", "1 of 2 replicas is ready"],
    spec: { replicas: 2 },
    status: { readyReplicas: 1 },
  }),
];

const rows = objects.map((object) => rowOf(object, start + 100_000));

describe("the live table", () => {
  test("at 100 columns", () => {
    expect(`\n${renderLive(rows, { columns: 100, colour: false }).join("\n")}\n`).toMatchInlineSnapshot(`
      "
      OBJECT                         STATE          DONE           FIGURE          ETA  MESSAGE
      Corpus/web                     Succeeded      ████████ 100%                       in 1m1s
      PretrainRun/base               Running train  ███▌░░░░ 45%   loss 3.214    4m10s  step 450 of 1000
      ContextExtension/long          InputNotReady                                      PretrainRun base …
      AlignmentRun/chat              InvalidData                                        データ data/chat.…
      Evaluation/japanese            Succeeded                     score 0.8430         in 5s
      InferenceDeployment/assistant  RollingOut     ████░░░░ 50%                        1 of 2 replicas i…
      "
    `);
  });

  test("at 60 columns", () => {
    expect(`\n${renderLive(rows, { columns: 60, colour: false }).join("\n")}\n`).toMatchInlineSnapshot(`
      "
      OBJECT              STATE          DONE  FIGURE          ETA
      Corpus/web          Succeeded      100%
      PretrainRun/base    Running train  45%   loss 3.214    4m10s
      ContextExtension/…  InputNotReady
      AlignmentRun/chat   InvalidData
      Evaluation/japane…  Succeeded            score 0.8430
      InferenceDeployme…  RollingOut     50%
      "
    `);
  });

  test.each([40, 60, 72, 80, 100, 140])("no line is wider than %d columns", (columns) => {
    for (const line of renderLive(rows, { columns, colour: true }))
      expect(widthOf(line)).toBeLessThanOrEqual(columns);
  });

  test("rows that do not fit the terminal's height are counted", () => {
    const lines = renderLive(rows, { columns: 100, colour: false, lines: 4 });
    expect(lines).toHaveLength(4);
    expect(lines.at(-1)).toBe("… and 4 more");
  });

  test("an endpoint that is scaled to zero does not call itself ready", () => {
    const idle = anObject("InferenceDeployment", "assistant", {
      root: ["True", "ScaledToZero", "spec.replicas is 0: nobody is served"],
      spec: { replicas: 0 },
      status: { readyReplicas: 0, url: "http://assistant.default.svc:8000" },
    });
    const { state, message } = rowOf(idle, start);
    expect({ state, message }).toEqual({
      state: "ScaledToZero",
      message: "spec.replicas is 0: nobody is served",
    });
  });

  test("a program that has said nothing for a minute is said to be silent", () => {
    const running = objects[1] ?? anObject("PretrainRun", "base");
    expect(rowOf(running, start + 100_000).message).toBe("step 450 of 1000");
    expect(rowOf(running, start + 395_000).message).toBe("step 450 of 1000, silent for 5m");
  });
});

test.each([
  [0, "░░░░   0%"],
  [0.5, "██░░  50%"],
  [0.54, "██▏░  54%"],
  [0.999, "███▉  99%"],
  [1, "████ 100%"],
])("the bar of %d is %s", (share, bar) => expect(progressBar(share, 4)).toBe(bar));
