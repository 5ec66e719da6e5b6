import { describe, expect, test } from "vitest";
import { chart, useHelm } from "./helm.ts";
import { type GivenValues, release } from "./release.ts";
import { everything } from "./value-effects.ts";

const { helm } = useHelm();

const oneNamespace: GivenValues = { mode: "namespaced", crds: { install: false } };

test.each<[string, GivenValues]>([
  ["the default values", {}],
  ["every value set", everything],
  ["one namespace", oneNamespace],
])("helm lint finds nothing with %s", (_, values) => {
  const { code, stdout } = helm(["lint", chart, "--strict"], { values });
  expect(code, stdout).toBe(0);
});

describe("the notes of an installation", () => {
  function notes(values: GivenValues = {}): string {
    const args = ["install", release.name, chart, "--namespace", release.namespace, "--dry-run=client"];
    const { code, stdout, stderr } = helm(args, { values });
    expect(code, stderr).toBe(0);
    return stdout.slice(stdout.indexOf("NOTES:"));
  }

  test("say what to do next", () => {
    expect(notes()).toContain("looks after all namespaces.");
    expect(notes()).toContain("kubectl --namespace tanren-system rollout status deployment/tanren-operator");
    expect(notes()).not.toContain("crds.install is false");
  });

  test("say what the installer must see to", () => {
    expect(notes(oneNamespace)).toContain("looks after namespace tanren-system.");
    expect(notes(oneNamespace)).toContain("crds.install is false");
    expect(notes({ replicas: 2 })).toContain("2 replicas and no PodDisruptionBudget");
    expect(notes({ replicas: 2, podDisruptionBudget: { enabled: true } })).not.toContain(
      "PodDisruptionBudget",
    );
  });
});
