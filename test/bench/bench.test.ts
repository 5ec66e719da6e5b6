import { beforeAll, expect, test } from "vitest";
import { type Comparison, compare, withLaboratory } from "./comparison.ts";
import { sum } from "./report.ts";
import { prepare, quick } from "./run.ts";

/**
 * An operator on Tanren's runtime, by the API server's audit log: calls do not depend on how busy the machine
 * is. `make bench-operators` has its speed and its peers.
 */

let comparison: Comparison;

beforeAll(async () => {
  const candidates = await prepare(["tanren"]);
  comparison = await withLaboratory((laboratory) => compare(laboratory, candidates, quick, () => {}));
}, 300_000);

function trial() {
  const [first] = comparison.trials;
  if (first === undefined) throw new Error("there was no trial");
  return first;
}

test("needs three calls for an object: its Job, and its status before and after the Job has one", () => {
  expect(trial().burst.callsPerObject).toBeGreaterThanOrEqual(2);
  expect(trial().burst.callsPerObject).toBeLessThanOrEqual(3);
});

test("asks for nothing that it watches, and no call of it fails", () => {
  const kinds = Object.keys(trial().burst.calls);
  expect(kinds.filter((kind) => /^(get|list) |\(\d+\)$/.test(kind))).toEqual([]);
});

test("writes no converged object when it starts again", () => {
  expect(trial().restart.writes).toEqual({});
});

test("sends nothing when every converged object is reconciled again", () => {
  const { resync } = trial();
  expect(resync?.reconciles).toBeGreaterThanOrEqual(quick.burst);
  expect(sum(resync?.calls ?? {})).toBe(0);
});

test("sends nothing but its lease's renewals while nothing happens", () => {
  const [idle] = comparison.idle;
  expect(Object.keys(idle?.calls ?? {})).toEqual(["update leases"]);
});
