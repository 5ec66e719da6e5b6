import { expect, test } from "vitest";
import { isReason, kernelExitCodes, reasonEntry, reasonOfKernel, reasons } from "./reasons.ts";

const names = Object.keys(reasons).filter(isReason);

test("what waits says for whom, and nothing else does", () => {
  const wrong = names.filter((name) => {
    const { phase, waitsFor } = reasonEntry(name);
    return (phase === "waiting") !== (waitsFor !== undefined);
  });
  expect(wrong).toEqual([]);
});

test("what a person must act on is a Warning, but for a stop that a person asked for", () => {
  const calm = names.filter((name) => {
    const { phase, event } = reasonEntry(name);
    return (phase === "blocked" || phase === "failed") && event === "Normal";
  });
  expect(calm).toEqual([]);
});

test("every word a program ends with has one exit code and leads to one reason", () => {
  const words = names.flatMap((name) => Object.keys(reasonEntry(name).program ?? {}));
  expect(new Set(words).size).toBe(words.length);
  expect(Object.keys(kernelExitCodes).toSorted()).toEqual(words.toSorted());
  expect(kernelExitCodes).toMatchObject({
    Completed: 0,
    InvalidData: 64,
    NumericsDiverged: 86,
    Terminated: 143,
  });
  expect(reasonOfKernel).toMatchObject({ Completed: "StageCompleted", InternalError: "ProgramFailed" });
});
