import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { z } from "zod";
import type { alertRules } from "../../charts/src/alerts.ts";
import { samples } from "../../operator/testing/samples.ts";
import { OperatorProcess, serviceAccountKubeconfig } from "../adapter/operator-process.ts";
import { prometheusPath, startCluster, type TestCluster } from "../cluster/cluster.ts";
import { eventually } from "../contract/waiting.ts";

/**
 * A real Prometheus with the rules file as it is, but for its times, scrapes the operator's process on a real
 * control plane.
 */

const root = join(import.meta.dirname, "../..");
const Alerts = z.object({
  data: z.object({
    alerts: z.array(
      z.object({
        state: z.string(),
        labels: z.record(z.string(), z.string()),
        annotations: z.record(z.string(), z.string()),
      }),
    ),
  }),
});

let cluster: TestCluster;
let folder: string;
let operator: OperatorProcess;
let prometheus: ChildProcess;
let address: string;

beforeAll(async () => {
  const program = await prometheusPath();
  folder = mkdtempSync(join(tmpdir(), "tanren-prometheus-"));
  cluster = await startCluster();
  await kubectl("apply", "--server-side", "-f", join(root, "charts/install/install.yaml"));
  const kubeconfig = await serviceAccountKubeconfig(cluster, "tanren-operator");
  operator = new OperatorProcess("operator", folder, kubeconfig);
  await operator.says("operator started");
  const target = `127.0.0.1:${operator.logs.find(({ port }) => port !== undefined)?.port}`;
  address = `127.0.0.1:${await freePort()}`;
  prometheus = startPrometheus(program, target);
  await eventually(async () => (await ask("/-/ready"))?.ok, "Prometheus is ready");
}, 60 * 60_000);

afterAll(async () => {
  if (prometheus?.exitCode === null) {
    prometheus.kill("SIGKILL");
    await once(prometheus, "close");
  }
  await operator?.end();
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function kubectl(...args: string[]): Promise<void> {
  const result = await cluster.kubectl(args);
  if (result.code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${result.stderr}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  server.close();
  if (bound === null || typeof bound === "string") throw new Error("no port of this machine is free");
  return bound.port;
}

/** Scrapes each second; what must last for minutes lasts two seconds. */
function startPrometheus(program: string, target: string): ChildProcess {
  const rules = parse(
    readFileSync(join(root, "charts/tanren/files/rules/tanren.yaml"), "utf8"),
  ) as typeof alertRules;
  for (const { rules: list } of rules.groups)
    for (const rule of list) {
      if (rule.for !== undefined) rule.for = "2s";
      if (rule.keep_firing_for !== undefined) rule.keep_firing_for = "1s";
    }
  writeFileSync(join(folder, "rules.yaml"), stringify(rules));
  const configuration = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: [join(folder, "rules.yaml")],
    scrape_configs: [
      { job_name: "tanren-operator", honor_labels: true, static_configs: [{ targets: [target] }] },
    ],
  };
  writeFileSync(join(folder, "prometheus.yaml"), stringify(configuration));
  const flags = {
    "config.file": join(folder, "prometheus.yaml"),
    "storage.tsdb.path": join(folder, "data"),
    "web.listen-address": address,
    "log.level": "error",
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  return spawn(program, args, { stdio: "inherit", cwd: folder });
}

/** Undefined as long as nobody listens. */
const ask = (path: string): Promise<Response | undefined> =>
  fetch(`http://${address}${path}`).catch(() => undefined);

/** Alerts that fire, by name. */
async function firing() {
  const { data } = Alerts.parse(await (await ask("/api/v1/alerts"))?.json());
  return new Map(
    data.alerts.filter(({ state }) => state === "firing").map((one) => [one.labels.alertname, one] as const),
  );
}

const fires = (alert: string) => eventually(async () => (await firing()).get(alert), `${alert} fires`);

test("a run that waits for a person and an operator that is gone are told, and nothing else", async () => {
  await eventually(
    async () => (await (await ask("/api/v1/query?query=up"))?.text())?.includes('"1"]'),
    "Prometheus has scraped the operator",
  );
  await eventually(async () => (await firing()).size === 0, "nothing fires");

  // It refers to itself.
  const spec = { ...samples.ContextExtension, model: { contextExtension: { name: "loop" } } };
  const manifest = {
    apiVersion: "tanren.dev/v1alpha1",
    kind: "ContextExtension",
    metadata: { name: "loop", namespace: "default" },
    spec: { ...spec, storage: { size: "1Gi" } },
  };
  writeFileSync(join(folder, "loop.yaml"), stringify(manifest));
  await kubectl("apply", "-f", join(folder, "loop.yaml"));
  const blocked = await fires("TanrenObjectBlocked");
  expect(blocked.labels).toEqual({
    alertname: "TanrenObjectBlocked",
    severity: "warning",
    kind: "ContextExtension",
    namespace: "default",
    name: "loop",
    reason: "CyclicReference",
  });
  expect(blocked.annotations).toMatchObject({
    summary: "ContextExtension default/loop waits for a person: CyclicReference.",
    runbook_url: "docs/operations.md#tanrenobjectblocked",
  });
  expect([...(await firing()).keys()]).toEqual(["TanrenObjectBlocked"]);

  await kubectl("delete", "contextextension", "loop");
  await eventually(async () => (await firing()).size === 0, "the alert ends with the object");

  operator.signal("SIGKILL");
  expect(await fires("TanrenNoLeader")).toMatchObject({
    labels: { severity: "critical" },
    annotations: { summary: "No operator of Tanren acts." },
  });
}, 180_000);
