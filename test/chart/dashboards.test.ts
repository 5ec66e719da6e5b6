import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { collectDefaultMetrics } from "prom-client";
import { expect, test } from "vitest";
import { alertRules } from "../../charts/src/alerts.ts";
import { dashboards } from "../../charts/src/dashboards.ts";
import { KubernetesMetrics } from "../../operator/cluster/kubernetes/metrics.ts";
import { ObjectMetrics } from "../../operator/engine/object-metrics.ts";
import { Metrics } from "../../operator/runtime/metrics.ts";

const root = join(import.meta.dirname, "../..");

/** Series of a text in Prometheus' format; a histogram has three. */
function series(exposition: string): Set<string> {
  const types = [...exposition.matchAll(/^# TYPE (\S+) (\w+)/gm)];
  return new Set(
    types.flatMap(([, name = "", type]) =>
      type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
}

/** Metrics in PromQL: what stands before a brace, or alone in a label_values. */
const metricsIn = (promql: string): string[] =>
  [...promql.matchAll(/([a-z_]+)\{/g), ...promql.matchAll(/label_values\(([a-z_]+),/g)].map(
    ([, name = ""]) => name,
  );

const exprs = (of: keyof typeof dashboards) => [
  ...dashboards[of].panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ...dashboards[of].templating.list.flatMap((variable) => {
    const { query } = variable as { query: string | { query: string } };
    return typeof query === "string" ? [] : [query.query];
  }),
];

const unknown = (of: keyof typeof dashboards, known: Set<string>) =>
  exprs(of).flatMap((expr) => metricsIn(expr).filter((name) => !known.has(name)));

test("every panel names a metric", () => {
  const silent = Object.values(dashboards).flatMap(({ panels }) =>
    panels.filter(({ targets }) => targets.some(({ expr }) => metricsIn(expr).length === 0)),
  );
  expect(silent).toEqual([]);
});

/** As operator/manager.ts and operator/operator.ts put them together. */
async function ofOperator(): Promise<Set<string>> {
  const { registry } = new Metrics();
  collectDefaultMetrics({ register: registry });
  new KubernetesMetrics(registry, { isLeader: () => true, watches: () => [], calls: () => undefined });
  new ObjectMetrics(registry);
  return series(await registry.metrics());
}

const ofPrograms = (): Set<string> =>
  series(
    execFileSync(join(root, ".venv/bin/python"), [join(import.meta.dirname, "kernel_metrics.py")], {
      encoding: "utf8",
      env: { ...process.env, PYTHONPATH: `${root}/kernels:${root}/kernels/tests` },
    }),
  );

test("the operator's dashboard asks only for what the operator exports", async () => {
  const known = await ofOperator();
  expect(known.size).toBeGreaterThan(0);
  expect(unknown("operator.json", known)).toEqual([]);
});

test("the dashboard of runs asks only for what programs export, and alerts for what anybody does", async () => {
  const programs = ofPrograms();
  expect(programs).toContain("tanren_loss");
  expect(unknown("runs.json", programs)).toEqual([]);
  const kubelet = ["available", "capacity"].map((figure) => `kubelet_volume_stats_${figure}_bytes`);
  const known = new Set([...programs, ...(await ofOperator()), ...kubelet]);
  const metric = /\b(?!tanren_dev_)(?:tanren|kubelet|controller_runtime|workqueue|leader)_[a-z_]+/g;
  for (const { alert, expr } of alertRules.groups.flatMap(({ rules }) => rules)) {
    const asked = expr.match(metric) ?? [];
    expect(asked, alert).not.toEqual([]);
    expect(asked.filter((name) => !known.has(name))).toEqual([]);
  }
}, 120_000);
