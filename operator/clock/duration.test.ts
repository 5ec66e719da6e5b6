import { expect, test } from "vitest";
import { formatDuration } from "./duration.ts";

test.each([
  [-3, "0s"],
  [0, "0s"],
  [0.4, "0s"],
  [59.4, "59s"],
  [59.6, "1m"],
  [60, "1m"],
  [250, "4m10s"],
  [3600, "1h"],
  [3605, "1h"],
  [11_220, "3h7m"],
  [86_460, "1d"],
  [1_051_200, "12d4h"],
])("%d s is %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text));
