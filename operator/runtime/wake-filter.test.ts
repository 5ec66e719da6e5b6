import { expect, test } from "vitest";
import type { KubernetesObject, ObjectMeta } from "../cluster/objects.ts";
import { ownWish, WakeFilter } from "./wake-filter.ts";

const metadata = {
  name: "a",
  namespace: "default",
  uid: "1",
  resourceVersion: "1",
  generation: 1,
  creationTimestamp: "2026-01-01T00:00:00Z",
};

function object(change: Partial<ObjectMeta>, status?: object): KubernetesObject {
  const whole = { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, ...change }, status };
  return whole;
}

test.each([
  ["generation", { generation: 2 }],
  ["deletion", { deletionTimestamp: "2026-01-01T00:00:00Z" }],
  ["finalizers", { finalizers: ["tanren.dev/in-use"] }],
  ["labels", { labels: { team: "a" } }],
  ["annotations", { annotations: { note: "b" } }],
])("a change of %s wakes", (_, change) => {
  const filter = new WakeFilter(ownWish);
  expect(filter.passes({ type: "ADDED", object: object({}) })).toBe(true);
  expect(filter.passes({ type: "MODIFIED", object: object(change) })).toBe(true);
});

test("a change of status alone does not", () => {
  const filter = new WakeFilter(ownWish);
  filter.passes({ type: "ADDED", object: object({}) });
  expect(
    filter.passes({ type: "MODIFIED", object: object({ resourceVersion: "2" }, { phase: "Running" }) }),
  ).toBe(false);
});

test("an object that is gone is forgotten: its namesake wakes again", () => {
  const filter = new WakeFilter(ownWish);
  filter.passes({ type: "ADDED", object: object({}) });
  expect(filter.passes({ type: "DELETED", object: object({}) })).toBe(true);
  expect(filter.passes({ type: "ADDED", object: object({}) })).toBe(true);
});
