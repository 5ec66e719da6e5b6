import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { LocalCluster } from "./cluster/local/index.ts";
import { jobs, pods, services } from "./cluster/resource.ts";
import { startOperator } from "./operator.ts";
import { Metrics } from "./runtime/metrics.ts";
import { anExampleRun, conditionOf, exampleRuns, silent } from "./testing/example-runs.ts";
import { customResources, digest, exampleKind, namespace } from "./testing/test-env.ts";

/**
 * The whole operator over the local cluster; a script stands in for Python and ends as a kernel program does.
 */

const program = `#!/bin/sh
printf '%s' '{"reason":"Completed","message":"all is well","metrics":{"loss":1},"artifact":{"path":"output/build","type":"model","digest":"${digest("a")}","size_bytes":1}}' > "$TANREN_RESULT"
`;

const slow = `#!/bin/sh
trap 'printf "%s" "{\\"reason\\":\\"Terminated\\",\\"message\\":\\"saved\\",\\"metrics\\":{}}" > "$TANREN_RESULT"; exit 143' TERM
while true; do sleep 0.05; done
`;

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Only ranks of a gang are told where to meet: what comes before the gang ends at once. */
const slowGang = program + slow.replace("#!/bin/sh", '[ -z "$MASTER_ADDR" ] && exit 0');

async function operate(script: string, progressSeconds = 1) {
  const directory = mkdtempSync(join(tmpdir(), "tanren-operator-"));
  const python = join(directory, "python");
  writeFileSync(python, script);
  chmodSync(python, 0o755);
  const errors: unknown[] = [];
  const cluster = await LocalCluster.open({
    stateDirectory: join(directory, "state"),
    customResources: customResources(),
    node: { cpus: 64, programs: { python }, env: {} },
    report: (error) => errors.push(error),
  });
  const metrics = new Metrics();
  const operator = await startOperator({
    cluster,
    kinds: [exampleKind],
    logger: silent,
    metrics,
    progressSeconds,
  });
  cleanUps.push(async () => {
    await operator.stop();
    await cluster.stop({ pods: "terminate" });
    rmSync(directory, { recursive: true, force: true });
    expect(errors).toEqual([]);
  });
  return { cluster, metrics };
}

async function until(
  cluster: LocalCluster,
  name: string,
  status: string,
  reason: string,
  milliseconds = 15_000,
) {
  const end = Date.now() + milliseconds;
  for (;;) {
    const run = await cluster.get(exampleRuns, namespace, name);
    const condition = run && conditionOf(run);
    if (run && condition?.status === status && condition.reason === reason) return run;
    if (Date.now() > end)
      throw new Error(`${name} is not ${status} ${reason} but ${JSON.stringify(condition)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("a chain of two runs, the second applied first, ends with artifacts; a finished input goes when it is deleted", async () => {
  const { cluster, metrics } = await operate(program);
  await cluster.apply(exampleRuns, anExampleRun({ from: "parent" }));
  await until(cluster, "demo", "Unknown", "InputNotFound");
  await cluster.apply(exampleRuns, anExampleRun({}, "parent"));
  const demo = await until(cluster, "demo", "True", "Completed");
  expect(demo.status?.artifact?.parents[0]).toEqual({
    name: "base",
    digest: digest("a"),
    reference: "ExampleRun/parent",
  });
  expect(await metrics.registry.metrics()).toMatch(
    /controller_runtime_reconcile_total\{controller="examplerun",result="success"\} [1-9]/,
  );
  const parent = await cluster.get(exampleRuns, namespace, "parent");
  if (parent === undefined) throw new Error("the parent is gone");
  await cluster.delete(exampleRuns, parent);
  await expect.poll(() => cluster.get(exampleRuns, namespace, "parent"), { timeout: 5000 }).toBeUndefined();
}, 30_000);

test("a run is suspended and goes on", async () => {
  const { cluster } = await operate(slow);
  await cluster.apply(exampleRuns, anExampleRun());
  await until(cluster, "demo", "Unknown", "Running");
  await cluster.apply(exampleRuns, anExampleRun({ suspend: true }));
  await until(cluster, "demo", "Unknown", "Suspended");
  await expect
    .poll(async () => (await cluster.list(pods, { namespace })).length, { timeout: 10_000 })
    .toBe(0);
  await cluster.apply(exampleRuns, anExampleRun({ suspend: false }));
  await until(cluster, "demo", "Unknown", "Running");
  expect((await cluster.list(jobs, { namespace })).map(({ metadata }) => metadata.name)).toHaveLength(1);
}, 60_000);

test("a Service that somebody takes from a gang at work is made again at once, long before the next look at it", async () => {
  const { cluster } = await operate(slowGang, 3_600);
  const name = "examplerun-demo-build-1";
  await cluster.apply(exampleRuns, anExampleRun());
  const ready = async () => (await cluster.get(jobs, namespace, name))?.status?.ready;
  await expect.poll(ready, { timeout: 15_000 }).toBe(2);
  const taken = await cluster.get(services, namespace, name);
  if (taken === undefined) throw new Error("the gang has no Service");
  await cluster.delete(services, taken);
  const before = [undefined, taken.metadata.uid];
  const uid = async () => (await cluster.get(services, namespace, name))?.metadata.uid;
  await expect.poll(async () => before.includes(await uid()), { timeout: 5_000 }).toBe(false);
}, 30_000);

/** Reconciles so far, whatever came of them. */
async function reconciles(metrics: Metrics): Promise<number> {
  const { values } =
    (await metrics.registry.getSingleMetric("controller_runtime_reconcile_total")?.get()) ?? {};
  return (values ?? [])
    .filter(({ labels }) => labels.controller === "examplerun")
    .reduce((sum, { value }) => sum + value, 0);
}

/** The count once it has stood still: watches tell within milliseconds. */
async function quiet(metrics: Metrics): Promise<number> {
  for (let before = -1; ; ) {
    const now = await reconciles(metrics);
    if (now === before) return now;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test("a run at work is looked at for its children's sake, not for the status the operator wrote itself", async () => {
  const { cluster, metrics } = await operate(slow, 3_600);
  await cluster.apply(exampleRuns, anExampleRun());
  await until(cluster, "demo", "Unknown", "Running");
  const before = await quiet(metrics);
  const run = await cluster.get(exampleRuns, namespace, "demo");
  if (run?.status === undefined) throw new Error("the run has no status");
  await cluster.updateStatus(exampleRuns, { ...run, status: { ...run.status, restarts: 7 } });
  const labelled = await cluster.get(exampleRuns, namespace, "demo");
  expect(labelled?.status?.restarts).toBe(7);
  expect(await quiet(metrics)).toBe(before);
  const { storage } = anExampleRun().spec as { storage: object };
  await cluster.apply(exampleRuns, {
    ...anExampleRun(),
    metadata: { name: "demo", namespace, labels: { team: "a" } },
    spec: { storage },
  });
  await expect.poll(() => reconciles(metrics), { timeout: 5_000 }).toBe(before + 1);
}, 30_000);

test("a finished run lets go of its Jobs in time, though nothing else wakes it", async () => {
  const { cluster } = await operate(program, 3_600);
  await cluster.apply(exampleRuns, anExampleRun({ ttlSecondsAfterFinished: 1 }));
  await until(cluster, "demo", "True", "Completed");
  await expect
    .poll(async () => (await cluster.list(jobs, { namespace })).length, { timeout: 10_000 })
    .toBe(0);
}, 30_000);
