import { expect, test } from "vitest";
import { findCondition, setCondition, setRootCondition } from "./conditions.ts";
import type { Condition } from "./objects.ts";

const at = (time: string, generation = 1) => ({ now: new Date(`2026-01-01T${time}Z`), generation });
const open = {
  type: "Succeeded",
  status: "Unknown",
  reason: "Running",
  message: "at work",
  fulfilled: false,
  stalled: false,
} as const;

test("lastTransitionTime moves only when status does", () => {
  const first = setCondition(
    [],
    { type: "Succeeded", status: "Unknown", reason: "Pending", message: "" },
    at("00:00:00"),
  );
  const second = setCondition(
    first,
    { type: "Succeeded", status: "Unknown", reason: "Running", message: "" },
    at("00:01:00", 2),
  );
  expect(second).toMatchObject([
    { reason: "Running", lastTransitionTime: "2026-01-01T00:00:00Z", observedGeneration: 2 },
  ]);
  const third = setCondition(
    second,
    { type: "Succeeded", status: "True", reason: "Completed", message: "" },
    at("00:02:00"),
  );
  expect(third[0]?.lastTransitionTime).toBe("2026-01-01T00:02:00Z");
});

test("conditions of others survive", () => {
  const foreign: Condition = {
    type: "Audited",
    status: "True",
    reason: "Ok",
    message: "",
    lastTransitionTime: "2025-01-01T00:00:00Z",
  };
  expect(setRootCondition([foreign], open, at("00:00:00"))).toContainEqual(foreign);
});

test.each<[state: Parameters<typeof setRootCondition>[1], kstatus: Record<string, string | undefined>]>([
  [open, { Ready: "False", Reconciling: "True", Stalled: undefined }],
  [
    { ...open, status: "True", fulfilled: true },
    { Ready: "True", Reconciling: undefined, Stalled: undefined },
  ],
  [
    { ...open, type: "Ready", status: "True" },
    { Ready: "True", Reconciling: "True", Stalled: undefined },
  ],
  [
    { ...open, type: "Ready", status: "True", stalled: true },
    { Ready: "True", Reconciling: undefined, Stalled: "True" },
  ],
  [
    { ...open, status: "False", stalled: true },
    { Ready: "False", Reconciling: undefined, Stalled: "True" },
  ],
  [
    { ...open, type: "Ready", status: "False" },
    { Ready: "False", Reconciling: "True", Stalled: undefined },
  ],
])("kstatus follows from %o", (state, kstatus) => {
  const busy = setRootCondition([], { ...open, type: state.type }, at("00:00:00"));
  const stalled = setRootCondition(
    busy,
    { ...open, type: state.type, status: "False", stalled: true },
    at("00:01:00"),
  );
  const conditions = setRootCondition(stalled, state, at("00:02:00"));
  for (const [type, status] of Object.entries(kstatus))
    expect(findCondition(conditions, type)?.status, type).toBe(status);
});
