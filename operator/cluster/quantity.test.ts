import { describe, expect, test } from "vitest";
import { inGibibytes, quantityValue } from "./quantity.ts";

describe("quantityValue", () => {
  test.each([
    ["4", 4],
    ["500m", 0.5],
    ["1.5", 1.5],
    ["2k", 2000],
    ["2Ki", 2048],
    ["3Gi", 3 * 2 ** 30],
    ["1T", 1e12],
    ["2Pi", 2 * 2 ** 50],
  ])("%s is %d", (quantity, value) => {
    expect(quantityValue(quantity)).toBe(value);
  });

  test.each(["", "Gi", "4X", "1.2.3", "-1"])("%j is refused", (quantity) => {
    expect(() => quantityValue(quantity)).toThrow(RangeError);
  });
});

test.each([
  [80 * 2 ** 30, "80.0 GiB"],
  [2 ** 29, "0.50 GiB"],
])("%d bytes are %s", (bytes, text) => {
  expect(inGibibytes(bytes)).toBe(text);
});
