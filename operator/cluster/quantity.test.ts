import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { inGibibytes, Quantity, quantityValue } from "./quantity.ts";

/** What Kubernetes itself takes each text for: see test/crds/quantities. */
interface Reading {
  text: string;
  value?: string;
  float: number;
}
const readings = readFileSync(new URL("../testing/quantity-readings.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Reading);
const own = (text: string) => Quantity.parse(text);

describe("against Kubernetes' own reading", () => {
  test("what it does not read we do not, and what it reads we do but for a number without digits and a sign", () => {
    const differing = readings.filter(
      ({ text, value }) => (own(text) === undefined) !== (value === undefined),
    );
    expect(readings.length).toBeGreaterThan(800);
    expect(differing.map(({ text }) => text).filter((text) => !/^(-|[^0-9]*$|[a-zA-Z.])/.test(text))).toEqual(
      [],
    );
    expect(differing.every(({ value }) => value !== undefined)).toBe(true);
  });

  test("the same number, where it does not cap at 2^63 - 1 or round up to a billionth", () => {
    const read = readings.flatMap(({ text, float }) => {
      const quantity = own(text);
      return quantity === undefined ? [] : [{ text, value: quantity.value, float }];
    });
    const differing = read.filter(
      ({ value, float }) => Math.abs(value - float) > 1e-9 + 1e-15 * value && value < 2 ** 63,
    );
    expect(read.length).toBeGreaterThan(300);
    expect(differing).toEqual([]);
  });

  test("the same order", () => {
    const within = readings.filter(({ text, float }) => own(text) && float > 1e-6 && float < 2 ** 53);
    for (const [index, one] of within.entries()) {
      const other = within[(index * 7 + 3) % within.length];
      const [a, b] = [own(one.text), own(other?.text ?? "")];
      if (a === undefined || b === undefined || other === undefined) continue;
      const apart = Math.abs(one.float - other.float) > 1e-9 * one.float;
      if (apart) expect(a.compareTo(b)).toBe(Math.sign(one.float - other.float));
    }
  });
});

test.each([
  ["4", 4],
  ["500m", 0.5],
  ["700m", 0.7],
  ["1.5", 1.5],
  ["2k", 2000],
  ["2Ki", 2048],
  ["1.5Gi", 1.5 * 2 ** 30],
  ["1E", 1e18],
  ["1Ei", 2 ** 60],
  ["1e3", 1000],
  ["12E-1", 1.2],
  [".5G", 5e8],
  ["100n", 1e-7],
])("%s is %d", (text, value) => {
  expect(quantityValue(text)).toBe(value);
});

test.each(["", "Gi", "4X", "1.2.3", "-1", "1e3Gi", "1e", "1e1000", " 1", "1 ", "1K", "٣"])(
  "%j is refused",
  (text) => {
    expect(() => quantityValue(text)).toThrow(RangeError);
  },
);

test("a number's notation does not change it: thousandths, exponents and decimals are one", () => {
  fc.assert(
    fc.property(fc.nat({ max: 999_999_999 }), (thousandths) => {
      const value = own(`${thousandths}m`);
      for (const text of [
        `${thousandths}e-3`,
        `${thousandths}000u`,
        `0.${String(thousandths).padStart(9, "0")}M`,
      ])
        expect(value && own(text)?.compareTo(value)).toBe(0);
    }),
  );
});

test.each([
  [80 * 2 ** 30, "80.0 GiB"],
  [2 ** 29, "0.50 GiB"],
])("%d bytes are %s", (bytes, text) => {
  expect(inGibibytes(bytes)).toBe(text);
});
