import { describe, expect, test } from "vitest";
import { z } from "zod";
import { valuesTable } from "../../charts/src/values-file.ts";
import { OperatorConfiguration } from "../../operator/api/configuration.ts";
import { useHelm } from "./helm.ts";
import { differences, type GivenValues, one } from "./release.ts";
import { bothSides, effects } from "./value-effects.ts";

const { render } = useHelm();

const configurationOf = (values: GivenValues) => {
  const { data } = z
    .looseObject({ data: z.object({ "config.json": z.string() }) })
    .parse(one(render().objects(values), "ConfigMap/tanren-operator"));
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
    const found = differences(render().objects(before), render().objects(after));
    expect(found.toSorted()).toEqual(effect.changes.toSorted());
  },
);

test("the configuration of any values is one that the operator takes", () => {
  for (const effect of effects) expect(() => configurationOf(bothSides(effect).after)).not.toThrow();
});

test("by default the configuration says what the operator does without one", () => {
  expect(configurationOf({})).toEqual(OperatorConfiguration.parse({}));
});

test("numbers of the command line, which Helm counts otherwise than those of files, make the same", () => {
  const values = { workers: 16, leaderElection: { leaseDurationSeconds: 60 } };
  const set = ["--set", "workers=16,leaderElection.leaseDurationSeconds=60"];
  expect(differences(render().objects(values), render().objects({}, undefined, set))).toEqual([]);
});

describe("wrong values are refused, and the message names them", () => {
  test.each([
    ["a misspelt value", { replica: 2 }, /replica\b/],
    ["a misspelt inner value", { image: { pullpolicy: "Always" } }, /pullpolicy/],
    ["a word that is none of the choices", { mode: "global" }, /mode.*(cluster|enum)/s],
    ["a number out of bounds", { workers: 0 }, /workers.*(minimum|greater|1)/s],
    ["a string for a number", { replicas: "2" }, /replicas.*(integer|number)/s],
    ["a digest that is none", { image: { digest: "latest" } }, /digest.*pattern/s],
    [
      "a key of a client that no policy has",
      { networkPolicies: { clients: [{ podselector: {} }] } },
      /podselector/,
    ],
    ["no port of the API server", { networkPolicies: { apiServer: { ports: [] } } }, /ports/],
  ])("%s", (_, values, message) => {
    expect(() => render().objects(values as GivenValues)).toThrow(message);
  });
});

test("another release name and namespace leave nothing of the first", () => {
  const enabled = { enabled: true };
  const values = {
    networkPolicies: { ...enabled, scrapers: [{ podSelector: {} }] },
    podDisruptionBudget: enabled,
    serviceMonitor: enabled,
    podMonitor: enabled,
    prometheusRule: enabled,
    grafanaDashboards: enabled,
    ui: enabled,
  };
  const objects = render().objects(
    { crds: { install: false }, ...values },
    { name: "forge", namespace: "models" },
  );
  expect(objects.length).toBeGreaterThan(17);
  for (const { metadata } of objects) {
    expect(metadata.name).toMatch(/^forge-/);
    if (metadata.namespace !== undefined) expect(metadata.namespace).toBe("models");
    expect(metadata.labels).toMatchObject({
      "app.kubernetes.io/name": "tanren",
      "app.kubernetes.io/instance": "forge",
    });
  }
  // The dashboards name the operator's metrics, whatever the release.
  const others = objects.filter(({ metadata }) => metadata.name !== "forge-dashboards");
  expect(JSON.stringify(others).match(/tanren-(system|operator(?!:)|runs|leader)[^"]*/g)).toBeNull();
});
