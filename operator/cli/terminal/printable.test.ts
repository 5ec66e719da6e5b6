import fc from "fast-check";
import { expect, test } from "vitest";
import { printable } from "./printable.ts";

test.each([
  ["\u001b]52;c;cm0gLXJm\u0007", "␛]52;c;cm0gLXJm␇"],
  ["\u001b[2Jred", "␛[2Jred"],
  ["\u009b31m\u007f", "\ufffd31m\ufffd"],
  ["user\u202egpj.exe", "user\ufffdgpj.exe"],
  ["a\tb\r\nc\rd", "a\tb\nc␍d"],
  ["日本語、émoji 👩‍🔬", "日本語、émoji 👩‍🔬"],
])("%j is shown as %j", (said, shown) => {
  expect(printable(said)).toBe(shown);
});

test("in whatever pieces it comes, nothing reaches the terminal that it would obey", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), (pieces) => {
      expect(pieces.map(printable).join("")).not.toMatch(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/u);
    }),
  );
});
