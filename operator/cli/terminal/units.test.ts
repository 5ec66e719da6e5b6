import { expect, test } from "vitest";
import { age, bytes, count, figure } from "./units.ts";

test.each([
  [0, "0"],
  [999, "999"],
  [13_015_864_320, "13.0B"],
  [260_000_000_000, "260B"],
  [1_234, "1.23K"],
  [999_999_999_999, "1.00T"],
])("count(%d) is %s", (value, text) => expect(count(value)).toBe(text));

test.each([
  [0, "0 B"],
  [1_023, "1023 B"],
  [1_536, "1.50 KiB"],
  [1_073_741_824, "1.00 GiB"],
  [85_899_345_920, "80.0 GiB"],
])("bytes(%d) is %s", (value, text) => expect(bytes(value)).toBe(text));

test.each([
  [30, "30s"],
  [600, "10m"],
  [90_000, "25h"],
  [400_000, "4d"],
])("age of %d seconds is %s", (seconds, text) => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(age(new Date(now - seconds * 1000).toISOString(), now)).toBe(text);
});

test.each([
  ["3.2141592", "3.214"],
  ["0.00001234", "0.000012"],
  ["18400.7", "18401"],
  ["400", "400"],
  ["nan", "nan"],
])("figure(%s) is %s", (value, text) => expect(figure(value)).toBe(text));
