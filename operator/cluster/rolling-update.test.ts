import { expect, test } from "vitest";
import { allowNothing, podsOfBounds } from "./rolling-update.ts";

test.each([
  [{ maxSurge: 2, maxUnavailable: 0 }, 4, { maxSurge: 2, maxUnavailable: 0 }],
  [{ maxSurge: "25%", maxUnavailable: "25%" }, 4, { maxSurge: 1, maxUnavailable: 1 }],
  [{ maxSurge: "25%", maxUnavailable: "25%" }, 5, { maxSurge: 2, maxUnavailable: 1 }],
  [{ maxSurge: "150%", maxUnavailable: 1 }, 3, { maxSurge: 5, maxUnavailable: 1 }],
  [{ maxSurge: "0%", maxUnavailable: "25%" }, 3, { maxSurge: 0, maxUnavailable: 1 }],
  [{ maxSurge: "1%", maxUnavailable: 0 }, 0, { maxSurge: 0, maxUnavailable: 1 }],
])("%o of %d replicas are %o pods", (bounds, replicas, pods) => {
  expect(podsOfBounds(bounds, replicas)).toEqual(pods);
});

test("nothing is allowed by zeros alone, however they are written", () => {
  expect(allowNothing({ maxSurge: 0, maxUnavailable: "0%" })).toBe(true);
  expect(allowNothing({ maxSurge: "00%", maxUnavailable: 0 })).toBe(true);
  expect(allowNothing({ maxSurge: "1%", maxUnavailable: 0 })).toBe(false);
  expect(allowNothing({ maxSurge: 0, maxUnavailable: 1 })).toBe(false);
});
