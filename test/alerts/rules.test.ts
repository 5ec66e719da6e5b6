import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { alertRules } from "../../charts/src/alerts.ts";
import { promtoolPath } from "../cluster/cluster.ts";
import { type Case, cases } from "./cases.ts";

/** Every alert on recorded series, by promtool's unit tests of rules. */

const rulesFile = join(import.meta.dirname, "../../charts/tanren/files/rules/tanren.yaml");
const alerts = alertRules.groups.flatMap(({ rules }) => rules);
let promtool: string;
let folder: string;

beforeAll(async () => {
  promtool = await promtoolPath();
  folder = mkdtempSync(join(tmpdir(), "tanren-alerts-"));
}, 60 * 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr, error } = spawnSync(promtool, args, { encoding: "utf8" });
  if (error) throw error;
  return { status, output: stdout + stderr };
}

/** A sentence of an alert with what it names put in. */
const filled = (template: string, labels: Readonly<Record<string, string>>, value: string | undefined) =>
  template
    .replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => labels[label] ?? `no label ${label}`)
    .replace(/\{\{ \$value[^}]*\}\}/g, () => value ?? "no value");

/** The case as promtool reads it. */
function unitTest({ it, alert, series, fires, silent }: Case) {
  const alertname = `Tanren${alert}`;
  const rule = alerts.find((one) => one.alert === alertname);
  if (rule === undefined) throw new Error(`case "${it}": there is no alert ${alertname}`);
  const { labels = {}, value, at = [] } = fires ?? {};
  const expected = {
    exp_labels: { ...labels, ...rule.labels },
    exp_annotations: Object.fromEntries(
      Object.entries(rule.annotations).map(([name, text]) => [name, filled(text, labels, value)]),
    ),
  };
  return {
    name: `${alertname}: ${it}`,
    interval: "1m",
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [
      ...silent.map((eval_time) => ({ eval_time, alertname, exp_alerts: [] })),
      ...at.map((eval_time) => ({ eval_time, alertname, exp_alerts: [expected] })),
    ],
  };
}

test("Prometheus reads the rules and finds nothing to complain of", () => {
  const { status, output } = run("check", "rules", "--lint=all", "--lint-fatal", rulesFile);
  expect(status, output).toBe(0);
});

test.each(cases)("$alert: $it", (one) => {
  const file = join(folder, "case.yaml");
  writeFileSync(
    file,
    JSON.stringify({ rule_files: [rulesFile], evaluation_interval: "1m", tests: [unitTest(one)] }),
  );
  const { status, output } = run("test", "rules", file);
  expect(status, output).toBe(0);
});

test("every alert fires in a case, right after one in which it did not yet, and is silent in another", () => {
  const told = (wanted: (one: Case) => boolean) =>
    new Set(cases.filter(wanted).map(({ alert }) => `Tanren${alert}`));
  const names = new Set(alerts.map(({ alert }) => alert));
  expect(told(({ fires, silent }) => fires !== undefined && silent.length > 0)).toEqual(names);
  // One without `for` is silent as long as nothing has happened.
  expect(told(({ fires }) => fires === undefined)).toEqual(names);
});
