import { expect, test } from "vitest";
import { z } from "zod";
import type { GivenValues } from "../../charts/src/chart.ts";
import { valuesTable } from "../../charts/src/values-file.ts";
import { OperatorConfiguration } from "../../operator/api/configuration.ts";
import { differences, one, rendered } from "./release.ts";
import { bothSides, effects } from "./value-effects.ts";

const configurationOf = (values: GivenValues) => {
  const { data } = z
    .looseObject({ data: z.object({ "config.json": z.string() }) })
    .parse(one(rendered(values), "ConfigMap/tanren-operator"));
  return OperatorConfiguration.parse(JSON.parse(data["config.json"]));
};

test("every value has its effect", () => {
  const known = new Set<string>(effects.map(({ path }) => path));
  expect(valuesTable().map(([path]) => path)).toEqual([...known]);
});

test.each(effects.map((effect) => [effect.path, effect] as const))(
  "%s changes what it should and no more",
  (_, effect) => {
    const { before, after } = bothSides(effect);
    expect(differences(rendered(before), rendered(after)).toSorted()).toEqual(effect.changes.toSorted());
  },
);

test("the configuration of any values is one that the operator takes", () => {
  for (const effect of effects) expect(() => configurationOf(bothSides(effect).after)).not.toThrow();
});

test("by default the configuration says what the operator does without one", () => {
  expect(configurationOf({})).toEqual(OperatorConfiguration.parse({}));
});

test("mode namespaced: the configuration names the release's namespace", () => {
  expect(configurationOf({ mode: "namespaced" }).namespace).toBe("tanren-system");
});

test("images: registry, tag and digest make one reference", () => {
  const image = (own: object, imageRegistry = "") =>
    configurationOf({ global: { imageRegistry }, pods: { image: own } }).pods.image;
  const digest = `sha256:${"a".repeat(64)}`;
  expect(image({})).toMatch(/^tanren-kernels:\d/);
  expect(image({ tag: "1" }, "mirror.local:5000/t")).toBe("mirror.local:5000/t/tanren-kernels:1");
  expect(image({ registry: "own.local", tag: "1", digest }, "mirror.local")).toBe(`own.local/tanren-kernels@${digest}`);
});

test("another release name and namespace leave nothing of the first", () => {
  const values = { crds: { install: false }, networkPolicies: { enabled: true } };
  const text = JSON.stringify(rendered(values, { Name: "forge", Namespace: "models" }));
  expect(text.match(/tanren-(system|operator(?!:)|runs|leader)[^"]*/g)).toBeNull();
});
