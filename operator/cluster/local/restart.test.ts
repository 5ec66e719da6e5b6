import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import {
  aJob,
  aPod,
  aTemplate,
  eventually,
  fastClock,
  namespace,
  onCleanUp,
  openCluster,
  sh,
  temporaryDirectory,
  until,
} from "../../testing/local-cluster.ts";
import { isTrue } from "../conditions.ts";
import { configMaps, jobs, pods } from "../resource.ts";
import { connectLocal } from "./index.ts";
import { readProcess } from "./kubelet/process-table.ts";

/** The operator may be killed at any instant: programs go on, none is run twice, none is forgotten. */

const uid = { name: "POD_UID", valueFrom: { fieldRef: { fieldPath: "metadata.uid" } } } as const;

/** An operator in a process of its own. */
function startOperator(stateDirectory: string): ChildProcess {
  const program = `
    import { LocalCluster } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
    const start = Date.now(); // time runs faster, for the back-off of failed pods
    const clock = {
      now: () => new Date(start + (Date.now() - start) * 20),
      after: (milliseconds, call) => clearTimeout.bind(undefined, setTimeout(call, milliseconds / 20)),
    };
    const stateDirectory = ${JSON.stringify(stateDirectory)};
    await LocalCluster.open({ stateDirectory, clock, customResources: [], node: { cpus: 64 }, report: console.error });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  onCleanUp(() => void child.kill("SIGKILL"));
  return child;
}

async function connected(stateDirectory: string) {
  return eventually(async () => connectLocal(stateDirectory, () => {}));
}

async function killed(operator: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => operator.once("exit", resolve));
  operator.kill("SIGKILL");
  await ended;
}

test("an operator killed again and again runs every attempt exactly once and ends where an undisturbed one would", async () => {
  const stateDirectory = temporaryDirectory();
  const ran = join(temporaryDirectory(), "ran");
  writeFileSync(ran, "");
  // Every third index fails at its first attempt, so that failures are counted and replaced under fire as
  // well.
  const fails = `[ $(( JOB_COMPLETION_INDEX % 3 )) = 0 ] && mkdir ${ran}-$JOB_COMPLETION_INDEX 2>/dev/null && exit 1`;
  const script = `echo "$POD_UID $JOB_COMPLETION_INDEX" >> ${ran}; sleep 0.$(( JOB_COMPLETION_INDEX % 4 + 1 )); ${fails}; exit 0`;
  let operator = startOperator(stateDirectory);
  const first = await connected(stateDirectory);
  await first.apply(
    jobs,
    aJob("run", aTemplate(sh(script), { env: [uid] }), { completions: 24, parallelism: 6, backoffLimit: 8 }),
  );
  first.close();
  for (let round = 0; round < 10; round++) {
    await sleep(60 + Math.random() * 200);
    await killed(operator);
    operator = startOperator(stateDirectory);
    (await connected(stateDirectory)).close();
  }
  const cluster = await connected(stateDirectory);
  const job = await until(
    cluster,
    jobs,
    "run",
    ({ status }) => isTrue(status?.conditions, "Complete"),
    20_000,
  );
  const lines = readFileSync(ran, "utf8").trim().split("\n");
  expect(new Set(lines).size).toBe(lines.length);
  expect(job.status).toMatchObject({ succeeded: 24, failed: 8, completedIndexes: "0-23" });
  const runs = Map.groupBy(lines, (line) => Number(line.split(" ")[1]));
  const expected = Array.from({ length: 24 }, (_, index) => [index, index % 3 === 0 ? 2 : 1]);
  expect([...runs].map(([index, of]) => [index, of.length]).sort(([a = 0], [b = 0]) => a - b)).toEqual(
    expected,
  );
  cluster.close();
}, 40_000);

test("exit codes of programs that ended without an operator are read; one that was killed with its shim counts as 137", async () => {
  const stateDirectory = temporaryDirectory();
  const directory = temporaryDirectory();
  const before = await openCluster({ stateDirectory });
  await before.apply(
    pods,
    aPod("ends", aTemplate(sh(`while [ ! -e ${directory}/go ]; do sleep 0.02; done; exit 86`))),
  );
  await before.apply(pods, aPod("vanishes", aTemplate(sh(`echo $PPID > ${directory}/shim; sleep 1000`))));
  await before.apply(pods, aPod("stays", aTemplate(sh("sleep 1000"))));
  for (const name of ["ends", "vanishes", "stays"])
    await until(before, pods, name, ({ status }) => status?.phase === "Running");
  const shim = await eventually(
    async () => existsSync(`${directory}/shim`) && Number(readFileSync(`${directory}/shim`, "utf8")),
  );
  await before.stop({ pods: "keep" });
  writeFileSync(`${directory}/go`, "");
  process.kill(-shim, "SIGKILL");
  await sleep(200);
  const after = await openCluster({ stateDirectory });
  const end = async (name: string) =>
    (await until(after, pods, name, ({ status }) => status?.phase === "Failed")).status
      ?.containerStatuses?.[0]?.state.terminated;
  expect(await end("ends")).toMatchObject({ exitCode: 86, reason: "Error" });
  expect(await end("vanishes")).toMatchObject({ exitCode: 137 });
  expect((await after.get(pods, namespace, "stays"))?.status?.phase).toBe("Running");
});

test("processes of pods whose objects are gone are stopped at the next start", async () => {
  const stateDirectory = temporaryDirectory();
  const directory = temporaryDirectory();
  const before = await openCluster({ stateDirectory });
  const { metadata } = await before.apply(
    pods,
    aPod("lost", aTemplate(sh(`echo $$ > ${directory}/pid; sleep 1000`))),
  );
  const pid = await eventually(
    async () => existsSync(`${directory}/pid`) && Number(readFileSync(`${directory}/pid`, "utf8")),
  );
  await before.stop({ pods: "keep" });
  rmSync(join(stateDirectory, "objects/pods"), { recursive: true });
  await openCluster({ stateDirectory });
  await eventually(async () => !existsSync(join(stateDirectory, "pods", metadata.uid)));
  expect(readProcess(pid)).toBeUndefined();
});

test("a deletion that a crash cut in two is carried on: what has lost its owner goes", async () => {
  const stateDirectory = temporaryDirectory();
  const before = await openCluster({ stateDirectory });
  const job = await before.apply(jobs, aJob("run", aTemplate(sh("sleep 1000")), { suspend: true }));
  const owner = { apiVersion: job.apiVersion, kind: job.kind, name: "run", uid: job.metadata.uid };
  const metadata = { name: "config", namespace, ownerReferences: [owner] };
  const config = await before.apply(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata, data: {} });
  const grandchild = {
    ...metadata,
    name: "grandchild",
    ownerReferences: [{ ...owner, uid: config.metadata.uid }],
  };
  await before.apply(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: grandchild, data: {} });
  await before.stop({ pods: "keep" });
  rmSync(join(stateDirectory, "objects/jobs", namespace, "run.json"));
  const after = await openCluster({ stateDirectory });
  await eventually(async () => (await after.list(configMaps)).length === 0);
});

test("a shutdown ends programs in their grace period as a node's shutdown does, so that a Job may go on later", async () => {
  const stateDirectory = temporaryDirectory();
  const directory = temporaryDirectory();
  const script = `[ -e ${directory}/saved ] && exit 0; trap 'touch ${directory}/saved; exit 143' TERM; touch ${directory}/up; while :; do sleep 0.02; done`;
  const rules = [
    { action: "Ignore" as const, onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
  ];
  const before = await openCluster({ stateDirectory });
  await before.apply(jobs, aJob("run", aTemplate(sh(script)), { podFailurePolicy: { rules } }));
  await eventually(async () => existsSync(`${directory}/up`));
  await before.stop({ pods: "terminate" });
  expect(existsSync(`${directory}/saved`)).toBe(true);
  const after = await openCluster({ stateDirectory, clock: fastClock(50) });
  const [pod] = await after.list(pods);
  expect(pod?.status).toMatchObject({ phase: "Failed", reason: "Terminated" });
  expect(pod?.status?.containerStatuses?.[0]?.state.terminated?.exitCode).toBe(143);
  const job = await until(after, jobs, "run", ({ status }) => isTrue(status?.conditions, "Complete"));
  expect(job.status?.failed).toBe(0);
});

test("a state directory has one operator; the next takes over when it is dead, whoever has its process id now", async () => {
  const stateDirectory = temporaryDirectory();
  const operator = startOperator(stateDirectory);
  (await connected(stateDirectory)).close();
  await expect(openCluster({ stateDirectory })).rejects.toThrow(`process id ${operator.pid}`);
  await killed(operator);
  const cluster = await openCluster({ stateDirectory });
  await cluster.stop({ pods: "keep" });
  writeFileSync(
    join(stateDirectory, "operator.lock.7"),
    JSON.stringify({ pid: process.pid, startTime: 1, boot: "another" }),
  );
  await expect(openCluster({ stateDirectory })).resolves.toBeDefined();
});
