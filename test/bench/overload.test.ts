import { beforeAll, expect, test } from "vitest";
import { type Figures, measureOverload, sample } from "./overload.ts";

/**
 * A burst at an API server that has a quarter of a core, in small: `make bench-overload` is the same with
 * thousands. What is asserted does not depend on how busy the machine is, but for generous times.
 */

let figures: Figures;

beforeAll(async () => {
  ({ figures } = await measureOverload(sample, () => {}));
}, 300_000);

const figure = (name: string) => figures[name] ?? Number.NaN;

test("converges, also at a restart beside the burst's objects, without a lost lease", () => {
  expect(figure("objects")).toBe(sample.working + sample.waiting);
  expect(figure("restart_1_seconds")).toBeGreaterThan(0);
  expect(figure("lost_leases")).toBe(0);
});

test("has no more calls in flight than such a server answers, though 96 workers have something to do", () => {
  expect(figure("max_calls_in_flight")).toBeGreaterThan(0);
  expect(figure("max_calls_in_flight")).toBeLessThan(60);
});

test("asks for nothing that is not there, and sends eight calls for a run whose Job is queued, three for one that waits", () => {
  expect(figure("not_found_calls")).toBe(0);
  const most = (8 * sample.working + 3 * sample.waiting) / (sample.working + sample.waiting);
  expect(figure("calls_per_object")).toBeGreaterThan(1);
  // A status may be written once more where the Job controller is slow between two of its own writes.
  expect(figure("calls_per_object")).toBeLessThanOrEqual(most * 1.05);
});

test("another namespace's objects do not wait for the burst to end", () => {
  expect(figure("longest_wait_other_namespace_seconds")).toBeLessThan(30);
});
