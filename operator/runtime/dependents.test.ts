import { expect, test } from "vitest";
import { Dependents } from "./dependents.ts";

const named = (name: string) => ({ kind: "Run", namespace: "default", name });

test("an object's dependents are those that refer to it now", () => {
  const dependents = new Dependents();
  dependents.set(named("b"), [named("a")]);
  dependents.set(named("c"), [named("a"), named("b")]);
  expect(dependents.of(named("a"))).toEqual([named("b"), named("c")]);
  expect(dependents.of({ ...named("a"), namespace: "other" })).toEqual([]);
  expect(dependents.set(named("c"), [named("b")])).toEqual([named("a")]);
  expect(dependents.of(named("a"))).toEqual([named("b")]);
  expect(dependents.set(named("c"), [])).toEqual([named("b")]);
  expect(dependents.of(named("b"))).toEqual([]);
});
