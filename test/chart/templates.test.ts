import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { valuesTable } from "../../charts/src/values-file.ts";
import { admissionpolicies } from "./cases/admissionpolicies.ts";
import type { Case, Suite } from "./cases/case.ts";
import { clusterrole } from "./cases/clusterrole.ts";
import { clusterrolesAggregated } from "./cases/clusterroles-aggregated.ts";
import { configmap } from "./cases/configmap.ts";
import { configmapDashboards } from "./cases/configmap-dashboards.ts";
import { configmapUi } from "./cases/configmap-ui.ts";
import { crds } from "./cases/crds.ts";
import { deployment } from "./cases/deployment.ts";
import { deploymentUi } from "./cases/deployment-ui.ts";
import { flowschema } from "./cases/flowschema.ts";
import { networkpolicyOperator } from "./cases/networkpolicy-operator.ts";
import { networkpolicyRuns } from "./cases/networkpolicy-runs.ts";
import { networkpolicyUi } from "./cases/networkpolicy-ui.ts";
import { poddisruptionbudget } from "./cases/poddisruptionbudget.ts";
import { podmonitor } from "./cases/podmonitor.ts";
import { prometheusrule } from "./cases/prometheusrule.ts";
import { role } from "./cases/role.ts";
import { roleLeaderElection } from "./cases/role-leader-election.ts";
import { service } from "./cases/service.ts";
import { serviceUi } from "./cases/service-ui.ts";
import { serviceaccount } from "./cases/serviceaccount.ts";
import { servicemonitor } from "./cases/servicemonitor.ts";
import { validate } from "./cases/validate.ts";
import { chart, useHelm } from "./helm.ts";
import { identity, type Manifest, one, valuesOf } from "./release.ts";

/** Each template by itself, rendered by Helm: one file of cases for each. */

const suites: Readonly<Record<string, Suite>> = {
  "admissionpolicies.yaml": admissionpolicies,
  "clusterrole.yaml": clusterrole,
  "clusterroles-aggregated.yaml": clusterrolesAggregated,
  "configmap-dashboards.yaml": configmapDashboards,
  "configmap-ui.yaml": configmapUi,
  "configmap.yaml": configmap,
  "crds.yaml": crds,
  "deployment-ui.yaml": deploymentUi,
  "deployment.yaml": deployment,
  "flowschema.yaml": flowschema,
  "networkpolicy-operator.yaml": networkpolicyOperator,
  "networkpolicy-runs.yaml": networkpolicyRuns,
  "networkpolicy-ui.yaml": networkpolicyUi,
  "poddisruptionbudget.yaml": poddisruptionbudget,
  "podmonitor.yaml": podmonitor,
  "prometheusrule.yaml": prometheusrule,
  "role-leader-election.yaml": roleLeaderElection,
  "role.yaml": role,
  "service-ui.yaml": serviceUi,
  "service.yaml": service,
  "serviceaccount.yaml": serviceaccount,
  "servicemonitor.yaml": servicemonitor,
  "validate.yaml": validate,
};

const { render } = useHelm();

const made = (template: string, { set = {} }: Case): Manifest[] =>
  render()
    .templates(valuesOf(set))
    .filter((rendered) => rendered.template === template)
    .map(({ object }) => object);

function lookedAt(objects: readonly Manifest[], { of }: Case): Manifest {
  if (of !== undefined) return one(objects, of);
  const [only, ...others] = objects;
  if (only === undefined || others.length > 0)
    throw new Error(`${objects.length} objects: say which by "of"`);
  return only;
}

function check(template: string, suite: Suite, one: Case): void {
  if (one.fails) {
    expect(() => made(template, one)).toThrow(one.fails);
    return;
  }
  const objects = made(template, one);
  if (one.makes) expect(objects.map(identity).toSorted()).toEqual(one.makes.toSorted());
  if (!one.expect && !one.absent) return;
  const object = lookedAt(objects, one);
  const found = suite.read?.(object) ?? object;
  for (const [path, value] of Object.entries(one.expect ?? {})) expect(found).toHaveProperty(path, value);
  for (const path of one.absent ?? []) expect(found).not.toHaveProperty(path);
}

describe.each(Object.entries(suites))("%s", (template, suite) => {
  test.each(suite.cases.map((one) => [one.it, one] as const))("%s", (_, one) => check(template, suite, one));
});

test("every template has its cases, and every case expects something", () => {
  const templates = readdirSync(join(chart, "templates")).filter((name) => name.endsWith(".yaml"));
  expect(templates.toSorted()).toEqual(Object.keys(suites).toSorted());
  const cases = Object.values(suites).flatMap((suite) => suite.cases);
  const empty = cases.filter((one) => !one.makes && !one.expect && !one.absent && !one.fails);
  expect(empty.map(({ it }) => it)).toEqual([]);
});

test("every value is set in a case", () => {
  const set = new Set(
    Object.values(suites).flatMap(({ cases }) => cases.flatMap((one) => Object.keys(one.set ?? {}))),
  );
  expect(
    valuesTable()
      .map(([path]) => path)
      .filter((path) => !set.has(path)),
  ).toEqual([]);
});
