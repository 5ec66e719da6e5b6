import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { startCluster, type TestCluster } from "./cluster.ts";

/** The launcher, seen from outside. The first run builds Kubernetes, hence the long limit. */

const built = 30 * 60_000;
const clusters: TestCluster[] = [];
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tanren-cluster-"));
  const policy = join(folder, "policy.yaml");
  writeFileSync(policy, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n");
  clusters.push(await startCluster({ auditPolicy: policy }));
  clusters.push(await startCluster());
}, built);
afterAll(async () => {
  for (const cluster of clusters) await cluster.stop();
  await rm(folder, { recursive: true });
}, 60_000);

const configMap = (key: string) =>
  `{apiVersion: v1, kind: ConfigMap, metadata: {name: note}, data: {key: ${JSON.stringify(key)}}}`;

const nth = (index: number): TestCluster => {
  const cluster = clusters[index];
  if (!cluster) throw new Error(`cluster ${index} did not start`);
  return cluster;
};

const read = async (cluster: TestCluster): Promise<string> =>
  (await cluster.kubectl(["get", "configmap", "note", "-o", "jsonpath={.data.key}"])).stdout;

/** The processes whose arguments name the folder: all that an instance runs does. */
const processesNaming = (directory: string): string[] =>
  readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return ""; // it ended while we looked
      }
    })
    .filter((line) => line.includes(directory));

test("two clusters side by side keep their objects apart", async () => {
  for (const [index, cluster] of clusters.entries()) {
    const applied = await cluster.kubectl(["apply", "-f", "-"], { input: configMap(`of cluster ${index}`) });
    expect(applied, applied.stderr).toMatchObject({ code: 0 });
  }
  expect(await Promise.all(clusters.map(read))).toEqual(["of cluster 0", "of cluster 1"]);
}, 60_000);

test("controllers and scheduler work: a Job has its pod and a claim its volume", async () => {
  const cluster = nth(0);
  const claim = `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: files},
    spec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 1Gi}}}}`;
  expect((await cluster.kubectl(["create", "-f", "-"], { input: claim })).code).toBe(0);
  expect((await cluster.kubectl(["create", "job", "one", "--image=none"])).code).toBe(0);
  for (const wait of [
    ["pod", "-l", "job-name=one", "--for=condition=PodScheduled=false"],
    ["pvc/files", "--for=jsonpath={.status.phase}=Bound"],
  ]) {
    const waited = await cluster.kubectl(["wait", ...wait, "--timeout=30s"]);
    expect(waited, waited.stderr).toMatchObject({ code: 0 });
  }
}, 90_000);

test("rights are checked: a service account reads nothing it was not given", async () => {
  const answer = await nth(0).kubectl([
    "auth",
    "can-i",
    "list",
    "secrets",
    "--as=system:serviceaccount:default:default",
  ]);
  expect(answer).toMatchObject({ code: 1, stdout: "no\n" });
}, 30_000);

test("the audit log tells who did what, only where asked for", async () => {
  const events = readFileSync(nth(0).auditLog, "utf8").trimEnd().split("\n");
  const event = z.object({
    verb: z.string(),
    user: z.object({ username: z.string() }),
    requestURI: z.string(),
  });
  expect(events.map((line) => event.parse(JSON.parse(line)))).toContainEqual(
    expect.objectContaining({ verb: "create", user: expect.objectContaining({ username: "tanren-admin" }) }),
  );
  expect(nth(1).auditLog).toBe("");
  expect(existsSync(join(nth(1).directory, "audit.log"))).toBe(false);
});

test("an API server that was killed comes back with its objects", async () => {
  const cluster = nth(1);
  await cluster.stopComponent("kube-apiserver", { kill: true });
  expect((await cluster.kubectl(["get", "configmaps", "--request-timeout=2s"])).code).not.toBe(0);
  await cluster.startComponent("kube-apiserver");
  expect(await read(cluster)).toBe("of cluster 1");
}, 60_000);

test("stop leaves no process and no folder, and does not touch the other cluster", async () => {
  const cluster = nth(1);
  expect(processesNaming(cluster.directory).length).toBeGreaterThanOrEqual(5);
  await cluster.stop();
  expect(processesNaming(cluster.directory)).toEqual([]);
  expect(existsSync(cluster.directory)).toBe(false);
  expect(await read(nth(0))).toBe("of cluster 0");
  await cluster.stop(); // once more is no error
}, 30_000);

test("a cluster goes when its owner is killed", async () => {
  const program = `const { startCluster } = await import(${JSON.stringify(join(import.meta.dirname, "cluster.ts"))});
    console.log((await startCluster()).directory); process.kill(process.pid, "SIGKILL");`;
  const { spawnSync } = await import("node:child_process");
  const owner = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
    timeout: 60_000,
  });
  expect(owner.signal, owner.stderr).toBe("SIGKILL");
  const directory = owner.stdout.trim();
  await expect.poll(() => existsSync(directory), { timeout: 20_000 }).toBe(false);
  expect(processesNaming(directory)).toEqual([]);
}, 90_000);

test("a cluster that cannot start says why and leaves nothing", async () => {
  const policy = join(folder, "wrong.yaml");
  writeFileSync(policy, "kind: Nonsense\n");
  const failed = startCluster({ name: "never-starts", auditPolicy: policy });
  await expect(failed).rejects.toThrow(/kube-apiserver ended.*Nonsense/s);
  expect(existsSync(join(nth(0).directory, "..", "never-starts"))).toBe(false);
}, 60_000);
