import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildHelm, chart, type Helm, named } from "./helm.ts";
import { differences, documents, identity, type Manifest, rendered } from "./release.ts";
import { bothSides, effects, everything } from "./value-effects.ts";

/** The chart as Helm reads it, against the same source read without Helm. */

let helm: Helm;
beforeAll(async () => {
  helm = await buildHelm();
}, 30 * 60_000);
afterAll(() => helm?.stop());

function template(values: object, ...more: string[]): Manifest[] {
  const { code, stdout, stderr } = helm(["template", ...named, ...more], { values });
  if (code !== 0) throw new Error(stderr);
  return documents(stdout);
}

const installFile = (name: string) =>
  documents(readFileSync(join(import.meta.dirname, "../../charts/install", name), "utf8"));

/** Plain manifests have nothing that speaks to Helm. */
function withoutHelm({ metadata: { annotations, ...metadata }, ...object }: Manifest): Manifest {
  const { "helm.sh/resource-policy": _, ...others } = (annotations ?? {}) as Record<string, string>;
  return {
    ...object,
    metadata: { ...metadata, ...(Object.keys(others).length > 0 && { annotations: others }) },
  } as Manifest;
}

test("helm lint finds nothing", () => {
  const { code, stdout } = helm(["lint", chart, "--strict"]);
  expect(code, stdout).toBe(0);
});

describe("templates say what the source says", () => {
  test("with the default values, which is the plain installation object by object", () => {
    const found = template({});
    expect(differences(rendered(), found)).toEqual([]);
    const plain = installFile("install.yaml");
    expect(plain.filter(({ kind }) => kind === "Namespace").map(identity)).toEqual(["Namespace/tanren-system"]);
    expect(differences(found.map(withoutHelm), plain)).toEqual(["Namespace/tanren-system"]);
  });

  test("in one namespace", () => {
    const found = template({ mode: "namespaced", crds: { install: false } });
    expect(differences(found, installFile("install-namespaced.yaml"))).toEqual([]);
  });

  test.each(effects.map((effect) => [effect.path, effect] as const))("with another %s", (_, effect) => {
    const { before, after } = bothSides(effect);
    const found = template(after);
    expect(differences(rendered(after), found)).toEqual([]);
    expect(differences(rendered(before), found).toSorted()).toEqual(effect.changes.toSorted());
  });

  test("with everything at once, under another name in another namespace", () => {
    const { code, stdout, stderr } = helm(["template", "forge", chart, "--namespace", "models"], {
      values: everything,
    });
    expect(code, stderr).toBe(0);
    expect(differences(rendered(everything, { Name: "forge", Namespace: "models" }), documents(stdout))).toEqual([]);
  });

  test("with numbers of the command line, which Helm counts otherwise than those of files", () => {
    const found = template({}, "--set", "workers=16,leaderElection.leaseDurationSeconds=60");
    const wanted = rendered({ workers: 16, leaderElection: { leaseDurationSeconds: 60 } });
    expect(differences(wanted, found)).toEqual([]);
  });
});

describe("wrong values are refused, and the message names them", () => {
  test.each([
    ["a misspelt value", { replica: 2 }, /replica\b/],
    ["a misspelt inner value", { image: { pullpolicy: "Always" } }, /pullpolicy/],
    ["a word that is none of the choices", { mode: "global" }, /mode.*(cluster|enum)/s],
    ["a number out of bounds", { workers: 0 }, /workers.*(minimum|greater|1)/s],
    ["a string for a number", { replicas: "2" }, /replicas.*(integer|number)/s],
    ["a digest that is none", { image: { digest: "latest" } }, /digest.*pattern/s],
    ["a key of a client that no policy has", { networkPolicies: { clients: [{ podselector: {} }] } }, /podselector/],
    ["no port of the API server", { networkPolicies: { apiServer: { ports: [] } } }, /ports/],
    [
      "a lease that ends before it is renewed",
      { leaderElection: { renewDeadlineSeconds: 20 } },
      /leaseDurationSeconds must be more than leaderElection.renewDeadlineSeconds/,
    ],
    [
      "a renewal shorter than its retries",
      { leaderElection: { retryPeriodSeconds: 10 } },
      /renewDeadlineSeconds must be more than leaderElection.retryPeriodSeconds/,
    ],
    ["no ServiceAccount", { serviceAccount: { create: false } }, /name the ServiceAccount that exists/],
    [
      "namespaces of runs beside the only one",
      { mode: "namespaced", networkPolicies: { runNamespaces: ["a"] } },
      /leave it empty/,
    ],
  ])("%s", (_, values, message) => {
    const { code, stderr } = helm(["template", ...named], { values });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(message);
  });
});
