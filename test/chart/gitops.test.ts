import { Environment } from "@marcbachmann/cel-js";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { gitopsFiles, healthExpressions } from "../../charts/src/gitops-files.ts";
import { kinds } from "../../operator/api/kinds.ts";
import { cases, type objectIn } from "./health-cases.ts";
import { documents } from "./release.ts";

describe("Flux", () => {
  const environment = new Environment({ unlistedVariablesAreDyn: true });

  /**
   * In the order of Flux: the generation by itself, then the expressions; one that cannot be evaluated is
   * asked again.
   */
  function fluxStatus(kind: (typeof kinds)[number], object: ReturnType<typeof objectIn>): string {
    if (object.status === undefined || object.status.observedGeneration !== object.metadata.generation)
      return "InProgress";
    const { failed, current } = healthExpressions(kind);
    if (environment.evaluate(failed, object)) return "Failed";
    return environment.evaluate(current, object) ? "Current" : "InProgress";
  }

  test.each(cases)("%s", (_, kind, object, __, flux) => {
    expect(fluxStatus(kind, object)).toBe(flux);
  });
});

test("both files speak of every kind", () => {
  const [argocd, flux] = Object.values(gitopsFiles()).flatMap(documents);
  const names = kinds.map(({ resource }) => resource.kind);
  const { data } = z.looseObject({ data: z.record(z.string(), z.string()) }).parse(argocd);
  expect(Object.keys(data)).toEqual(names.map((name) => `resource.customizations.health.tanren.dev_${name}`));
  const Flux = z.looseObject({
    spec: z.looseObject({ healthCheckExprs: z.array(z.looseObject({ kind: z.string() })) }),
  });
  expect(Flux.parse(flux).spec.healthCheckExprs.map(({ kind }) => kind)).toEqual(names);
});
