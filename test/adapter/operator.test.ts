import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { samples } from "../../operator/testing/samples.ts";
import { startTraceCollector } from "../../operator/testing/trace-collector.ts";
import { startCluster, type TestCluster } from "../cluster/cluster.ts";
import { eventually } from "../contract/waiting.ts";
import { type AuditedRequest, OperatorProcess, serviceAccountKubeconfig } from "./operator-process.ts";

/** The operator's process on a real control plane, with the rights that the install manifest gives it. */

const root = join(import.meta.dirname, "../..");
let cluster: TestCluster;
let folder: string;
const accounts: string[] = [];
const started: OperatorProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tanren-operator-"));
  const policy = join(folder, "policy.yaml");
  writeFileSync(
    policy,
    "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n",
  );
  cluster = await startCluster({ auditPolicy: policy });
  // Without the kinds, which a test installs later.
  const install = readFileSync(join(root, "charts/install/install.yaml"), "utf8")
    .split(/^---$/m)
    .filter((document) => !/^kind: CustomResourceDefinition$/m.test(document));
  writeFileSync(join(folder, "install.yaml"), install.join("---\n"));
  await kubectl("apply", "--server-side", "-f", join(folder, "install.yaml"));
  // A second account with the same rights, so that the audit log tells two processes apart.
  await kubectl("create", "serviceaccount", "second", "-n", "tanren-system");
  const subject = ["--serviceaccount", "tanren-system:second"];
  await kubectl("create", "clusterrolebinding", "second", "--clusterrole", "tanren-operator", ...subject);
  const lease = ["--role", "tanren-leader-election", "-n", "tanren-system"];
  await kubectl("create", "rolebinding", "second", ...lease, ...subject);
  for (const account of ["tanren-operator", "second"])
    accounts.push(await serviceAccountKubeconfig(cluster, account));
}, 30 * 60_000);

afterEach(async () => {
  for (const operator of started.splice(0)) await operator.end();
});

afterAll(async () => {
  await cluster.stop();
  await rm(folder, { recursive: true });
}, 60_000);

async function kubectl(...args: string[]): Promise<string> {
  const result = await cluster.kubectl(args);
  if (result.code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${result.stderr}`);
  return result.stdout;
}

function start(account: 0 | 1, configuration: object = {}): OperatorProcess {
  const operator = new OperatorProcess(
    `operator-${started.length}`,
    folder,
    accounts[account] ?? "",
    configuration,
  );
  started.push(operator);
  return operator;
}

const holder = async () =>
  (await kubectl(
    "get",
    "lease",
    "tanren-operator",
    "-n",
    "tanren-system",
    "-o",
    "jsonpath={.spec.holderIdentity}",
  )) || "";

/** What the accounts asked since then, from the audit log. */
function requestsSince(since = 0): AuditedRequest[] {
  return readFileSync(cluster.auditLog, "utf8")
    .split("\n")
    .filter((line) => line.includes("system:serviceaccount:tanren-system:"))
    .map((line) => JSON.parse(line))
    .map((event) => ({
      user: event.user.username.split(":").at(-1),
      verb: event.verb,
      resource: [event.objectRef?.resource, event.objectRef?.subresource].filter(Boolean).join("/"),
      name: event.objectRef?.name,
      code: event.responseStatus?.code ?? 0,
      at: Date.parse(event.requestReceivedTimestamp),
    }))
    .filter(({ at }) => at >= since);
}

const writes = ({ verb, resource }: AuditedRequest) =>
  ["create", "patch", "update", "delete"].includes(verb) && resource !== "leases";

async function applyCorpora(namespace: string, count: number): Promise<void> {
  const corpus = (index: number) => ({
    apiVersion: "tanren.dev/v1alpha1",
    kind: "Corpus",
    metadata: { name: `corpus-${index}`, namespace },
    spec: samples.Corpus,
  });
  const pages = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "pages", namespace },
    spec: { accessModes: ["ReadWriteMany"], resources: { requests: { storage: "1Gi" } } },
  };
  const items = [pages, ...Array.from({ length: count }, (_, index) => corpus(index))];
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  const applied = await cluster.kubectl(["apply", "--server-side", "-f", "-"], { input });
  if (applied.code !== 0) throw new Error(applied.stderr);
}

/**
 * OwnerReferencesPermissionEnforcement looks for new kinds every half minute, and until then forbids
 * everybody to own by them.
 */
async function owningIsAllowed(): Promise<boolean> {
  const owner = {
    apiVersion: "tanren.dev/v1alpha1",
    kind: "Corpus",
    name: "any",
    uid: "0",
    blockOwnerDeletion: true,
  };
  const owned = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "owned", namespace: "work", ownerReferences: [owner] },
  };
  const { code } = await cluster.kubectl(["create", "--dry-run=server", "--as", "somebody", "-f", "-"], {
    input: JSON.stringify(owned),
  });
  return code === 0;
}

const jobs = async (namespace: string) =>
  (await kubectl("get", "jobs", "-n", namespace, "-o", "name")).split("\n").filter(Boolean);

test("without the kinds it says what to install, is not ready, and goes on when they are there", async () => {
  const definitions = join(root, "crds");
  const operator = start(0);
  await operator.says(
    /does not serve corpora.tanren.dev\/v1alpha1, .*; install the CustomResourceDefinitions/,
  );
  expect((await operator.ask("/readyz")).code).toBe(503);
  expect((await operator.ask("/healthz")).code).toBe(200);
  await kubectl("apply", "--server-side", "-f", definitions);
  await operator.says("operator started");
  expect((await operator.ask("/readyz")).code).toBe(200);
}, 90_000);

test("with the rights of the install manifest it does its work, then asks for nothing but its lease", async () => {
  const operator = start(0);
  await operator.says("operator started");
  expect(await operator.ask("/healthz")).toEqual({ code: 200, text: "ok\n" });
  expect(await operator.ask("/readyz")).toEqual({ code: 200, text: "ok\n" });
  await kubectl("create", "namespace", "work");
  // Somebody with the operator's rights, whom the audit log tells from it.
  await kubectl(
    "create",
    "clusterrolebinding",
    "somebody",
    "--clusterrole",
    "tanren-operator",
    "--user",
    "somebody",
  );
  await eventually(owningIsAllowed, "admission that knows the new kinds", 60_000);
  await applyCorpora("work", 3);
  await eventually(async () => (await jobs("work")).length === 3, "three Jobs");
  await eventually(async () => {
    const last = Math.max(
      ...requestsSince()
        .filter(writes)
        .map(({ at }) => at),
    );
    return Date.now() - last > 5_000;
  }, "no write for a while");
  const quiet = Date.now();
  // What it would ask for besides has as long as four renewals of the lease take.
  const renewals = () => requestsSince(quiet).filter(({ resource }) => resource === "leases");
  await eventually(async () => renewals().length >= 4, "the lease is renewed");
  const idle = requestsSince(quiet).filter(({ resource }) => resource !== "leases");
  expect(idle, "an idle operator asks for nothing").toEqual([]);
  expect(requestsSince().filter(({ code }) => code === 403)).toEqual([]);
  expect(new Set(requestsSince().map(({ resource }) => resource))).not.toContain("secrets");
  const { text } = await operator.ask("/metrics");
  expect(text).toContain("leader_election_master_status 1");
  expect(text).toContain('tanren_watch_objects{resource="jobs"} 3\n');
  expect(
    text.match(/^tanren_watch_objects\{/gm),
    "one watch for each of six kinds and seven kinds of children",
  ).toHaveLength(13);
  operator.signal("SIGTERM");
  expect((await operator.ended).code).toBe(0);
  expect(await holder(), "the lease is given back").toBe("");
}, 120_000);

test("a leader that is killed is followed by the other within the lease's duration and two seconds", async () => {
  const began = Date.now();
  const first = start(0);
  await first.says("elected leader");
  const second = start(1);
  await second.says("standing for election");
  const looks = ({ user, resource }: AuditedRequest) => user === "second" && resource === "leases";
  await eventually(
    async () => requestsSince(began).filter(looks).length >= 2,
    "it looks at the lease again and again",
  );
  expect(await second.ask("/readyz"), "to stand by is to be ready").toEqual({ code: 200, text: "ok\n" });
  first.signal("SIGKILL");
  const { at } = await first.ended;
  await second.says("elected leader", 20_000);
  expect(Date.now() - at).toBeLessThan(17_500);
  await kubectl("create", "namespace", "heir");
  await applyCorpora("heir", 1);
  await eventually(async () => (await jobs("heir")).length === 1, "the heir works");
  // In order, so that the next leader need not wait for the lease to run out.
  second.signal("SIGTERM");
  expect((await second.ended).code).toBe(0);
}, 90_000);

test("a leader that sleeps through its lease writes nothing when it wakes, and ends", async () => {
  const first = start(0);
  await first.says("operator started", 30_000);
  await kubectl("create", "namespace", "sleep");
  await applyCorpora("sleep", 30);
  first.signal("SIGSTOP");
  const second = start(1);
  await second.says("elected leader", 30_000);
  const takeover = Date.now();
  await eventually(async () => (await jobs("sleep")).length === 30, "the heir does the rest");
  first.signal("SIGCONT");
  const { code, at } = await first.ended;
  expect(code).toBe(1);
  expect(first.logs.some(({ msg = "" }) => msg === "stopping, for another may lead")).toBe(true);
  const late = requestsSince(takeover).filter(
    (each) => each.user === "tanren-operator" && writes(each) && each.at <= at,
  );
  expect(late).toEqual([]);
  expect(new Set(await jobs("sleep")).size, "nothing was made twice").toBe(30);
}, 120_000);

test("configuration that is none is refused in a sentence", async () => {
  const wrong = start(0, { leaderElection: { renewDeadlineSeconds: 20 }, wokers: 3 });
  expect((await wrong.ended).code).toBe(1);
  expect(wrong.stderr).toMatch(
    /^configuration .*operator-0.json: .*wokers.*; see docs\/reference.md for its fields\n$/,
  );
}, 20_000);

test("a collector is sent each reconcile with its calls, and the log names the trace", async () => {
  const collector = await startTraceCollector();
  try {
    await kubectl("create", "namespace", "traced");
    await applyCorpora("traced", 1);
    const operator = start(0, { tracing: { endpoint: collector.endpoint }, logLevel: "debug" });
    const reconciles = () => collector.spans.filter(({ name }) => name === "reconcile Corpus");
    const written = () => collector.spans.find(({ name }) => name === "update corpora/status");
    await eventually(async () => written() !== undefined, "spans of a write arrive");
    operator.signal("SIGTERM");
    expect((await operator.ended).code).toBe(0);

    const parent = reconciles().find(({ spanId }) => spanId === written()?.parentSpanId);
    const named = Object.fromEntries(
      parent?.attributes.map(({ key, value }) => [key, value.stringValue]) ?? [],
    );
    expect(named).toMatchObject({ "tanren.kind": "Corpus", "k8s.namespace.name": expect.any(String) });
    const traces = new Set(reconciles().map(({ traceId }) => traceId));
    expect(operator.logs.some((line) => traces.has((line as { trace_id?: string }).trace_id ?? ""))).toBe(
      true,
    );
    expect(collector.spans.filter(({ name }) => name.includes("leases"))).toEqual([]);
  } finally {
    await collector.close();
  }
}, 120_000);
