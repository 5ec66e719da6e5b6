import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cut, pad, widthOf, wrap } from "./width.ts";

test.each([
  ["abc", 3],
  ["鍛錬", 4],
  ["ﾃｽﾄ", 3],
  ["か\u3099", 2],
  ["█▌░", 3],
  ["👨‍👩‍👧", 2],
])("%s takes %d columns", (text, columns) => expect(widthOf(text)).toBe(columns));

describe("cut", () => {
  test.each([
    ["日本語の文章", 12, "日本語の文章"],
    ["日本語の文章", 11, "日本語の文…"],
    // An odd width leaves a column free rather than halving a character.
    ["日本語の文章", 8, "日本語…"],
    ["abcdef", 1, "…"],
    ["abcdef", 0, ""],
  ])("%s in %d columns is %s", (text, columns, shown) => expect(cut(text, columns)).toBe(shown));

  test("never exceeds its columns, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 0, max: 40 }), (text, columns) => {
        expect(widthOf(cut(text, columns))).toBeLessThanOrEqual(columns);
      }),
    );
  });
});

test("pad counts columns, not characters", () => {
  expect(pad("鍛錬", 6)).toBe("鍛錬  ");
  expect(pad("42", 5, "right")).toBe("   42");
});

test("wrap breaks between words, and inside Japanese where it must", () => {
  expect(wrap("claim web is missing", 10)).toEqual(["claim web", "is missing"]);
  expect(wrap("日本語の長い文章です", 8)).toEqual(["日本語の", "長い文章", "です"]);
});
