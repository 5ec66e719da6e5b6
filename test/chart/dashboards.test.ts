import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { collectDefaultMetrics } from "prom-client";
import { expect, test } from "vitest";
import { dashboards } from "../../charts/src/dashboards.ts";
import { KubernetesMetrics } from "../../operator/cluster/kubernetes/metrics.ts";
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

test("the operator's dashboard asks only for what the operator exports", async () => {
  // As operator/manager.ts puts them together.
  const { registry } = new Metrics();
  collectDefaultMetrics({ register: registry });
  new KubernetesMetrics(registry, { isLeader: () => true, watches: () => [], calls: () => undefined });
  const known = series(await registry.metrics());
  expect(known.size).toBeGreaterThan(0);
  expect(unknown("operator.json", known)).toEqual([]);
});

test("the dashboard of runs asks only for what programs export", () => {
  const exposition = execFileSync(
    join(root, ".venv/bin/python"),
    [join(import.meta.dirname, "kernel_metrics.py")],
    {
      encoding: "utf8",
      env: { ...process.env, PYTHONPATH: `${root}/kernels:${root}/kernels/tests` },
    },
  );
  const known = series(exposition);
  expect(known).toContain("tanren_loss");
  expect(unknown("runs.json", known)).toEqual([]);
}, 120_000);
