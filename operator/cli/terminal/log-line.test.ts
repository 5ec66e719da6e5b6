import { expect, test } from "vitest";
import { readableLogLine } from "./log-line.ts";

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
