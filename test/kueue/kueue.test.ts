import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { connectKubernetes, type KubernetesCluster } from "../../operator/cluster/kubernetes/index.ts";
import { OperatorProcess, serviceAccountKubeconfig } from "../adapter/operator-process.ts";
import { startCluster, type TestCluster } from "../cluster/cluster.ts";
import { ApiServer } from "../contract/api-server.ts";
import { eventually, given } from "../contract/waiting.ts";
import { KueueProcess } from "./kueue-process.ts";
import { installQuotaKinds, jobWrites, queueName, Team } from "./team.ts";

/**
 * The operator and Kueue, both real, on a control plane with a scheduler: the operator with the rights that the
 * install manifest gives it, a stand-in for the node. Teams have nothing in common but the two.
 */

vi.setConfig({ testTimeout: 120_000 });
const folder = mkdtempSync(join(tmpdir(), "tanren-kueue-"));
const install = join(import.meta.dirname, "../../charts/install/install.yaml");
const inQueue = { queueName };
const teams: Team[] = [];
let control: TestCluster;
let api: ApiServer;
let cluster: KubernetesCluster;
let kueue: KueueProcess;
let operator: OperatorProcess;

beforeAll(async () => {
  const auditPolicy = join(folder, "policy.yaml");
  const rules = [
    { level: "Request", resources: [{ group: "batch", resources: ["jobs"] }] },
    { level: "None" },
  ];
  const policy = { apiVersion: "audit.k8s.io/v1", kind: "Policy", omitStages: ["RequestReceived"], rules };
  writeFileSync(auditPolicy, JSON.stringify(policy));
  control = await startCluster({ auditPolicy });
  api = new ApiServer(control.kubeconfig);
  cluster = connectKubernetes({ kubeconfig: { path: control.kubeconfig }, report: () => {} });
  kueue = await KueueProcess.start(control, api);
  await installQuotaKinds(api);
  const applied = await control.kubectl(["apply", "--server-side", "-f", install]);
  if (applied.code !== 0) throw new Error(applied.stderr);
  const account = await serviceAccountKubeconfig(control, "tanren-operator");
  operator = new OperatorProcess("operator", folder, account, {
    leaderElection: { enabled: false },
    progressSeconds: 1,
  });
  await operator.says("operator started");
}, 30 * 60_000);

afterAll(async () => {
  for (const team of teams) await team.close();
  await operator?.end();
  await kueue?.stop();
  await cluster?.stop();
  api?.close();
  await control?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** Addresses of the loopback interface are many: each team's pods have one where others do not answer. */
async function aTeam(cpu: number, admissionChecks?: string[]): Promise<Team & { podIP: string }> {
  const podIP = `127.94.${process.pid % 250}.${teams.length + 1}`;
  const team = Object.assign(new Team(cluster, api, podIP), { podIP });
  teams.push(team);
  await team.open(cpu, admissionChecks);
  return team;
}

const waits = new RegExp(`waits until LocalQueue ${queueName} admits it: .*insufficient.* quota`, "i");

test("a run waits in its queue, says which and why, and starts when another's deletion frees quota", async () => {
  const team = await aTeam(1);
  await team.apply("Corpus", "first", inQueue);
  await team.runs("first", "clean");
  await team.says("Corpus", "first", "Running");
  await team.apply("Corpus", "second", inQueue);
  await team.says("Corpus", "second", "Queued", waits);
  expect(await team.podsOf("second")).toEqual([]);
  await team.remove("Corpus", "first");
  await team.runs("second", "clean");
  await team.says("Corpus", "second", "Running");
});

test("each stage asks for quota again, and whoever waits goes in between", async () => {
  const team = await aTeam(1);
  await team.apply("Corpus", "first", inQueue);
  const clean = await team.runs("first", "clean");
  await team.apply("Corpus", "second", inQueue);
  await team.says("Corpus", "second", "Queued", waits);
  await team.finish(clean);
  const between = await team.runs("second", "clean");
  await team.says("Corpus", "first", "Queued", /^stage deduplicate: .*-deduplicate-1 waits until/);
  await team.finish(between);
  await team.runs("first", "deduplicate");
});

test("a more urgent run takes its place, and it resumes from its checkpoint when it is admitted again", async () => {
  const team = await aTeam(1);
  const program = await aProgram(team.podIP);
  try {
    program.says = { step: 45, checkpoint_step: 40 };
    await team.apply("AlignmentRun", "patient", { ...inQueue, workloadPriorityClassName: "patient" });
    const before = await team.runs("patient", "chat");
    const saved = async () => (await team.run("AlignmentRun", "patient"))?.status?.progress?.checkpointStep;
    await eventually(async () => (await saved()) === 40, "the checkpoint is in status");
    await team.apply("Corpus", "urgent", { ...inQueue, workloadPriorityClassName: "urgent" });
    await team.runs("urgent", "clean");
    await team.says("AlignmentRun", "patient", "Queued", /waits until LocalQueue/);
    expect(await team.podsOf("patient")).toEqual([]);
    expect(await saved()).toBe(40);

    program.says = { step: 41, checkpoint_step: 40, resumed_from_step: 40 };
    await team.remove("Corpus", "urgent");
    const after = await team.runs("patient", "chat");
    await team.says("AlignmentRun", "patient", "Running");
    const attempts = async () => (await team.run("AlignmentRun", "patient"))?.status?.attempts;
    await eventually(async () => (await attempts())?.[0]?.resumedFromStep === 40, "it says where it resumed");
    // The same attempt, in the same directory with the same configuration: nothing failed.
    expect(await attempts()).toMatchObject([{ number: 1, jobName: "alignmentrun-patient-chat-1" }]);
    expect((await team.run("AlignmentRun", "patient"))?.status?.restarts ?? 0).toBe(0);
    expect(after.metadata.uid).not.toBe(before.metadata.uid);
    expect(after.spec.volumes).toEqual(before.spec.volumes);
    expect(after.spec.containers[0]?.volumeMounts).toEqual(before.spec.containers[0]?.volumeMounts);
  } finally {
    await program.close();
  }
});

test("a suspended run gives its quota back, and asks again when it resumes", async () => {
  const team = await aTeam(1);
  await team.apply("Corpus", "first", inQueue);
  await team.runs("first", "clean");
  const [job] = await team.jobsOf("first");
  await team.apply("Corpus", "second", inQueue);
  await team.says("Corpus", "second", "Queued", waits);
  await team.apply("Corpus", "first", inQueue, { suspend: true });
  await team.says("Corpus", "first", "Suspended");
  await team.runs("second", "clean");
  expect(await team.jobsOf("first")).toEqual([]);
  await team.apply("Corpus", "first", inQueue, { suspend: false });
  await team.says("Corpus", "first", "Queued", waits);
  const [again] = await team.jobsOf("first");
  expect(given(again).metadata.name).toBe(given(job).metadata.name);
  expect(given(again).metadata.uid).not.toBe(given(job).metadata.uid);
  await team.remove("Corpus", "second");
  await team.runs("first", "clean");
});

test("a LocalQueue that does not exist is named, and the run starts once it does", async () => {
  const team = await aTeam(1);
  await team.apply("Corpus", "lost", { queueName: "nowhere" });
  await team.says(
    "Corpus",
    "lost",
    "Queued",
    /LocalQueue nowhere admits it: LocalQueue nowhere doesn't exist/,
  );
  await api.send("POST", `/apis/kueue.x-k8s.io/v1beta2/namespaces/${team.namespace}/localqueues`, {
    apiVersion: "kueue.x-k8s.io/v1beta2",
    kind: "LocalQueue",
    metadata: { name: "nowhere" },
    spec: { clusterQueue: team.namespace },
  });
  await team.runs("lost", "clean");
});

test("a run that no quota can ever admit says so", async () => {
  const team = await aTeam(1);
  await team.apply("Corpus", "large", { ...inQueue, resources: { cpu: "4" } });
  await team.says(
    "Corpus",
    "large",
    "Queued",
    /insufficient quota for cpu .*request \(4\) > maximum capacity \(1\)/,
  );
});

test("a Job of no queue that a person suspended stays suspended", async () => {
  const team = await aTeam(1);
  await team.apply("Corpus", "free", {});
  await team.runs("free", "clean");
  const [job] = await team.jobsOf("free");
  await team.suspend(given(job));
  await team.says("Corpus", "free", "JobSuspended");
  const [left] = await team.jobsOf("free");
  expect(left?.spec.suspend).toBe(true);
  expect(await team.podsOf("free")).toEqual([]);
});

test("a queue of MultiKueue is said to be no place for a run", async () => {
  const kinds = "/apis/kueue.x-k8s.io/v1beta2";
  const own = (kind: string) => ({
    apiVersion: "kueue.x-k8s.io/v1beta2",
    kind,
    metadata: { name: "elsewhere" },
  });
  await api.send("POST", `${kinds}/multikueueconfigs`, {
    ...own("MultiKueueConfig"),
    spec: { clusters: ["elsewhere"] },
  });
  await api.send("POST", `${kinds}/admissionchecks`, {
    ...own("AdmissionCheck"),
    spec: {
      controllerName: "kueue.x-k8s.io/multikueue",
      parameters: { apiGroup: "kueue.x-k8s.io", kind: "MultiKueueConfig", name: "elsewhere" },
    },
  });
  const team = await aTeam(1, ["elsewhere"]);
  await team.apply("Corpus", "sent", inQueue);
  await team.says("Corpus", "sent", "FailedCreate", /spec.managedBy is kueue.x-k8s.io\/multikueue/);
  const [job] = await team.jobsOf("sent");
  expect(job?.spec.managedBy).toBe("kueue.x-k8s.io/multikueue");
});

test("the operator writes to no Job of a queue after it has made it: Kueue alone starts and stops them", () => {
  const log = readFileSync(control.auditLog, "utf8");
  const written = jobWrites(log, "system:serviceaccount:tanren-system:tanren-operator");
  expect(written.length).toBeGreaterThan(8);
  expect(written.filter(({ verb, code }) => verb !== "patch" || code !== 201)).toEqual([]);
});

/** What a kernel says at its port, as much as the operator asks. */
async function aProgram(host: string) {
  const started = new Date().toISOString();
  const program = {
    says: {} as Record<string, number>,
    close: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
  const server: Server = createServer((_, response) => {
    const base = { stage: "chat", total: 100, unit: "step", metrics: {}, since: started };
    response.end(JSON.stringify({ ...base, updated: new Date().toISOString(), ...program.says }));
    response.socket?.end();
  });
  await new Promise<void>((resolve) => void server.listen(9400, host, resolve));
  return program;
}
