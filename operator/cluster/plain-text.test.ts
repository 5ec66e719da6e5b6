import fc from "fast-check";
import { expect, test } from "vitest";
import { firstBytes, plainText } from "./plain-text.ts";

test.each([
  ["loss is nan", "loss is nan"],
  ["\u001b]0;owned\u0007red \u001b[31mtext\u001b[0m", "]0;owned red  [31mtext [0m"],
  ["first\r\nsecond\u2028third\u0085fourth", "first second third fourth"],
  ["学習が発散しました。", "学習が発散しました。"],
  ["half a pair \ud800", "half a pair \ufffd"],
])("%j is kept as %j", (said, kept) => {
  expect(plainText(said, 100)).toBe(kept);
});

test("whatever is said, what is kept is one well-formed line within the bound", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 1, max: 40 }), (said, longest) => {
      const kept = plainText(said, longest);
      expect(kept.length).toBeLessThanOrEqual(longest);
      expect(kept.isWellFormed()).toBe(true);
      expect(kept).not.toMatch(/\p{Cc}/u);
      expect(Buffer.byteLength(firstBytes(kept, longest))).toBeLessThanOrEqual(longest);
      expect(kept.startsWith(firstBytes(kept, longest))).toBe(true);
    }),
  );
});
