import fc from "fast-check";
import { expect, test } from "vitest";
import { type Answer, adapted, type CallLimit, initialLimit } from "./call-limit.ts";

/** Answers that come, one after another, in so many milliseconds each, while all that may is in flight. */
function after(limit: CallLimit, answers: number, milliseconds: number, from = 0): CallLimit {
  let now = limit;
  for (let index = 0; index < answers; index++) {
    const sentAt = from + index * milliseconds;
    const inFlight = Math.floor(now.calls);
    now = adapted(now, { sentAt, at: sentAt + milliseconds, refused: false, inFlight });
  }
  return now;
}

test("grows by one with every fast answer until the first sign of overload, then by one a round", () => {
  const grown = after(initialLimit, 20, 10);
  expect(grown.calls).toBe(initialLimit.calls + 20);
  const lowered = adapted(grown, { sentAt: 1_000, at: 2_100, refused: false, inFlight: 28 });
  expect(lowered.calls).toBeLessThan(grown.calls);
  expect(after(lowered, Math.floor(lowered.calls), 10, 3_000).calls - lowered.calls).toBeCloseTo(1, 1);
});

test("one overload lowers it once, however many calls tell of it", () => {
  const grown = after(initialLimit, 40, 10);
  const refusal = { at: 5_000, refused: true, inFlight: 48 };
  const once = adapted(grown, { ...refusal, sentAt: 4_900 });
  expect(once.calls).toBe(grown.calls / 2);
  expect(adapted(once, { ...refusal, at: 5_001, sentAt: 4_950 })).toEqual(once);
  expect(adapted(once, { ...refusal, at: 5_300, sentAt: 5_200 }).calls).toBe(grown.calls / 4);
});

test("does not grow while half of it is not used", () => {
  const idle = { sentAt: 0, at: 1, refused: false, inFlight: 1 };
  expect(adapted(initialLimit, idle)).toEqual(initialLimit);
});

/** A server of one queue that answers so many calls a second: how long answers take follows from the limit. */
function settledOn(callsPerSecond: number): CallLimit {
  let limit = initialLimit;
  let now = 0;
  for (let round = 0; round < 4_000; round++) {
    const inFlight = Math.floor(limit.calls);
    const seconds = Math.max(0.002, inFlight / callsPerSecond);
    limit = adapted(limit, { sentAt: now, at: now + seconds * 1000, refused: false, inFlight });
    now += (seconds * 1000) / inFlight;
  }
  return limit;
}

test.each([5, 20, 80])(
  "a server of %i calls a second is asked for what it answers within a second",
  (rate) => {
    const { calls } = settledOn(rate);
    expect(calls).toBeGreaterThan(rate * 0.6);
    expect(calls).toBeLessThanOrEqual(rate * 1.2 + 1);
  },
);

test("whatever is answered, the limit stays within its bounds", () => {
  const answer: fc.Arbitrary<Answer> = fc.record({
    sentAt: fc.nat(100_000),
    at: fc.nat(200_000),
    refused: fc.boolean(),
    inFlight: fc.integer({ min: 1, max: 500 }),
  });
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 400 }), (answers) => {
      const { calls } = answers.reduce(adapted, initialLimit);
      expect(calls).toBeGreaterThanOrEqual(2);
      expect(calls).toBeLessThanOrEqual(128);
    }),
  );
});
