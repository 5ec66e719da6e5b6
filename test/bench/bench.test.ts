import { beforeAll, describe, expect, test } from "vitest";
import { type Comparison, compare, withLaboratory } from "./comparison.ts";
import { sum } from "./report.ts";
import { prepare, quick } from "./run.ts";

/** The comparison in small, for what does not depend on how busy the machine is: calls. Times are for `make bench-operators`. */

let comparison: Comparison;

beforeAll(async () => {
  const candidates = await prepare();
  comparison = await withLaboratory((laboratory) => compare(laboratory, candidates, quick, () => {}));
}, 900_000);

const trialOf = (candidate: string) => {
  const trial = comparison.trials.find((one) => one.candidate === candidate);
  if (trial === undefined) throw new Error(`no trial of ${candidate}`);
  return trial;
};

describe("an operator on Tanren's runtime", () => {
  test.each(["controller-runtime", "kopf"])("needs no more calls for an object than one on %s", (peer) => {
    expect(trialOf("tanren").burst.callsPerObject).toBeLessThanOrEqual(trialOf(peer).burst.callsPerObject * 1.01);
  });

  test("asks for nothing that it watches, and no call of it fails", () => {
    const kinds = Object.keys(trialOf("tanren").burst.calls);
    expect(kinds.filter((kind) => /^(get|list) |\(\d+\)$/.test(kind))).toEqual([]);
  });

  test("writes no converged object when it starts again", () => {
    expect(trialOf("tanren").restart.writes).toEqual({});
  });

  test("sends nothing when every converged object is reconciled again", () => {
    const { resync } = trialOf("tanren");
    expect(resync?.reconciles).toBeGreaterThanOrEqual(quick.burst);
    expect(sum(resync?.calls ?? {})).toBe(0);
  });

  test("sends nothing but its lease's renewals while nothing happens", () => {
    const idle = comparison.idle.find(({ candidate }) => candidate === "tanren");
    expect(Object.keys(idle?.calls ?? {})).toEqual(["update leases"]);
  });
});
