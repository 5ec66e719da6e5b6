import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { serviceAccountKubeconfig } from "../adapter/operator-process.ts";
import { startCluster, type TestCluster } from "../cluster/cluster.ts";
import { ApiClient } from "./api-client.ts";
import { AuditLog, type Call, policy } from "./audit-log.ts";
import { node } from "./candidates.ts";
import { holdToShare } from "./cpu-share.ts";
import { callCounts, latencies, mostAtOnce } from "./figures.ts";
import { Objects } from "./objects.ts";
import { type Command, cpuSeconds, type Memory, OperatorProcess } from "./operator-process.ts";
import { sleep } from "./subject.ts";
import { pretrainRuns, queuedCorpora, type Workload } from "./workload.ts";

/**
 * A burst of objects at an API server that has a quarter of a core: whether the operator gets through, keeps
 * its lease, and lets another namespace's object through meanwhile.
 */

export interface OverloadSizes {
  /** Corpora made at once, each of which gets a ConfigMap and a Job that waits in a queue. */
  working: number;
  /** PretrainRuns made with them, whose Corpus is not there. */
  waiting: number;
  /** Cores that the API server has. */
  share: number;
  /** Of the operator, beside the burst's objects, while the API server is held back. */
  restarts: number;
  /** Objects in all when memory is read; 0: it is not. */
  fill: number;
}

/** What the test and the report are about, by name. */
export type Figures = Record<string, number>;

const quarter = { share: 0.25 };
export const sample: OverloadSizes = { ...quarter, working: 25, waiting: 100, restarts: 1, fill: 0 };
const full: OverloadSizes = { ...quarter, working: 500, waiting: 4_500, restarts: 3, fill: 10_000 };

const repository = new URL("../../", import.meta.url).pathname;
const user = "system:serviceaccount:tanren-system:tanren-operator";
const secondsBetweenOthers = 5;

export async function measureOverload(
  sizes: OverloadSizes,
  say: (line: string) => void,
): Promise<{ figures: Figures; means: string }> {
  const directory = mkdtempSync(join(tmpdir(), "tanren-overload-"));
  const auditPolicy = join(directory, "audit-policy.yaml");
  writeFileSync(auditPolicy, stringify(policy));
  try {
    const cluster = await startCluster({ auditPolicy });
    try {
      return await measureIn(cluster, directory, sizes, say);
    } finally {
      await cluster.stop();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measureIn(
  cluster: TestCluster,
  directory: string,
  sizes: OverloadSizes,
  say: (line: string) => void,
): Promise<{ figures: Figures; means: string }> {
  const api = new ApiClient(cluster.kubeconfig);
  const audit = new AuditLog(cluster.auditLog);
  const operator = new Supervised(await install(cluster, directory), join(directory, "operator.log"));
  const working = await inNamespace(api, "burst", queuedCorpora);
  const waiting = await inNamespace(api, "burst", pretrainRuns);
  const other = await inNamespace(api, "other", queuedCorpora);
  operator.start();
  await other.createAtOnce(["first"]);
  await other.converged(["first"], 90);
  const server = cluster.pidOf("kube-apiserver");
  await idle(server);
  const held = holdToShare(server, sizes.share);
  let figures: Figures;
  try {
    const mark = audit.mark();
    const burst = {
      working: numbered("working", sizes.working),
      waiting: numbered("waiting", sizes.waiting),
    };
    const objects = sizes.working + sizes.waiting;
    const began = Date.now();
    const ended = new AbortController();
    const others = trickle(other, ended.signal);
    await Promise.all([working.createAtOnce(burst.working), waiting.createAtOnce(burst.waiting)]);
    say(`${objects} objects made in ${seconds(began)} s`);
    const patience = 60 + objects / 4;
    await Promise.all([
      working.converged(burst.working, patience),
      waiting.converged(burst.waiting, patience),
    ]);
    figures = { objects, seconds_to_converge: seconds(began) };
    say(`converged in ${figures.seconds_to_converge} s`);
    ended.abort();
    await other.converged(await others, 60);
    figures = { ...figures, ...ofCalls(audit.since(mark), objects), ...ofMemory("rss_mib", operator) };
    for (let restart = 1; restart <= sizes.restarts; restart++) {
      await operator.stop();
      const from = Date.now();
      operator.start();
      await other.createAtOnce([`restart-${restart}`]);
      await other.converged([`restart-${restart}`], 120);
      figures[`restart_${restart}_seconds`] = seconds(from);
      say(`restart ${restart}: a new object was seen to after ${seconds(from)} s`);
    }
    figures.lost_leases = operator.lostLeases();
  } finally {
    held.release();
  }
  if (sizes.fill > 0) {
    const more = numbered("more", sizes.fill - sizes.working - sizes.waiting);
    await waiting.createAtOnce(more);
    await waiting.converged(more, 60 + more.length / 5);
    await sleep(5);
    figures = { ...figures, ...ofMemory(`rss_mib_${sizes.fill}`, operator) };
    await operator.stop();
    operator.start();
    await other.createAtOnce(["last"]);
    await other.converged(["last"], 120);
    await sleep(5);
    figures = { ...figures, ...ofMemory(`rss_mib_${sizes.fill}_restarted`, operator) };
  }
  await operator.stop();
  for (const objects of [working, waiting, other]) objects.close();
  audit.close();
  api.close();
  return { figures, means: held.means };
}

/** Where Jobs wait in queues there is Kueue's kind, of which the operator asks why they wait. */
const workloadKind = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: {
    name: "workloads.kueue.x-k8s.io",
    annotations: { "api-approved.kubernetes.io": "unapproved, a stand-in of Kueue's own" },
  },
  spec: {
    group: "kueue.x-k8s.io",
    names: { kind: "Workload", plural: "workloads" },
    scope: "Namespaced",
    versions: [
      {
        name: "v1beta2",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};

/** The plain manifests, with the rights and the FlowSchema of the operator, which itself runs here. */
async function install(cluster: TestCluster, directory: string): Promise<Command> {
  const kubectl = async (...args: string[]) => {
    const { code, stderr } = await cluster.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr}`);
  };
  await kubectl("apply", "--server-side", "-f", join(repository, "charts/install/install.yaml"));
  const kueue = join(directory, "workloads.json");
  writeFileSync(kueue, JSON.stringify(workloadKind));
  await kubectl("apply", "-f", kueue);
  await kubectl("wait", "--for=condition=Established", "crd", "--all");
  const configuration = join(directory, "operator.json");
  writeFileSync(configuration, JSON.stringify({ port: 0 }));
  const program = join(repository, "operator/manager.ts");
  const { environment } = await node(program);
  const kubeconfig = await serviceAccountKubeconfig(cluster, "tanren-operator");
  return {
    file: process.execPath,
    arguments: [program, "--config", configuration, "--kubeconfig", kubeconfig],
    environment: { ...environment, POD_NAME: "operator", POD_NAMESPACE: "tanren-system" },
  };
}

async function inNamespace(api: ApiClient, namespace: string, workload: Workload): Promise<Objects> {
  const path = `/api/v1/namespaces/${namespace}/persistentvolumeclaims`;
  const resources = { requests: { storage: "1Gi" } };
  await api.send("POST", "/api/v1/namespaces", { metadata: { name: namespace } }, [409]);
  for (const name of ["shared", "pages"]) {
    const claim = { metadata: { name }, spec: { accessModes: ["ReadWriteMany"], resources } };
    await api.send("POST", path, claim, [409]);
  }
  return Objects.follow(api, workload, namespace);
}

/** An API server is at work for a while after it has got new kinds: that is not what is measured. */
async function idle(pid: number): Promise<void> {
  for (let last = cpuSeconds(pid), tries = 0; tries < 30; tries++) {
    await sleep(2);
    const now = cpuSeconds(pid);
    if (now - last < 0.2) return;
    last = now;
  }
}

/** Makes an object every few seconds until told to stop; returns their names. */
async function trickle(objects: Objects, signal: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  while (!signal.aborted) {
    const name = `other-${names.length}`;
    names.push(name);
    await objects.createAtOnce([name]);
    await sleep(secondsBetweenOthers);
  }
  return names;
}

/** As the kubelet does: a process that ends is started again, until it is stopped. */
class Supervised {
  readonly #command: Command;
  readonly #log: string;
  #process: OperatorProcess | undefined;

  constructor(command: Command, log: string) {
    this.#command = command;
    this.#log = log;
  }

  start(): void {
    const started = new OperatorProcess(this.#command, this.#log);
    this.#process = started;
    started.alive(new Promise(() => {})).catch(() => this.start());
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  memory(): Memory {
    if (this.#process === undefined) throw new Error("the operator does not run");
    return this.#process.memory();
  }

  /** By its own word, which it says before it ends. */
  lostLeases(): number {
    return [...readFileSync(this.#log, "utf8").matchAll(/"stopping, for another may lead"/g)].length;
  }
}

function ofCalls(all: readonly Call[], objects: number): Figures {
  const own = all.filter((call) => call.user === user && call.verb !== "watch");
  const calls = own.filter(({ resource }) => resource !== "leases");
  const renewals = own.filter(({ resource, code }) => resource === "leases" && code === 200);
  const gaps = renewals.slice(1).map(({ at }, index) => at - (renewals[index]?.at ?? at));
  const others = all.filter(({ namespace }) => namespace === "other");
  const ofBurst = calls.filter(({ namespace }) => namespace === "burst");
  const answeredWith = (code: number) => calls.filter((call) => call.code === code).length;
  return {
    calls: calls.length,
    calls_per_object: ofBurst.length / objects,
    ...perObject(ofBurst, objects),
    not_found_calls: answeredWith(404),
    conflicts: answeredWith(409),
    throttled_calls: answeredWith(429),
    max_calls_in_flight: mostAtOnce(calls),
    longest_call_seconds: Math.max(...calls.map(({ at, receivedAt }) => at - receivedAt)) / 1000,
    longest_lease_call_seconds: Math.max(...renewals.map(({ at, receivedAt }) => at - receivedAt)) / 1000,
    longest_between_renewals_seconds: Math.max(...gaps) / 1000,
    longest_wait_other_namespace_seconds: Math.max(...latencies(others, queuedCorpora)) / 1000,
  };
}

function ofMemory(name: string, operator: Supervised): Figures {
  const { rss, peak } = operator.memory();
  return { [name]: rss, [`${name}_peak`]: peak };
}

/** Of one kind of call, for each object. */
const perObject = (calls: readonly Call[], objects: number): Figures =>
  Object.fromEntries(
    Object.entries(callCounts(calls)).map(([kind, count]) => [
      `calls_per_object_${kind.replaceAll(/[^a-z0-9]+/g, "_").replace(/_$/, "")}`,
      count / objects,
    ]),
  );

const numbered = (word: string, count: number) =>
  Array.from({ length: count }, (_, at) => `${word}-${String(at).padStart(5, "0")}`);

const seconds = (since: number) => (Date.now() - since) / 1000;

const usage = `Measures the operator in a burst of objects, beside an API server that has a quarter of a core.

  --sample           small sizes, as in the tests
  --working N        Corpora of the burst, each with a ConfigMap and a Job (${full.working})
  --waiting N        PretrainRuns of the burst, whose Corpus is not there (${full.waiting})
  --restarts N       of the operator beside them (${full.restarts})
  --fill N           objects in all when memory is read, 0 to leave it out (${full.fill})
  --output FILE      figures as JSON (build/bench/overload.json)
`;

async function main(): Promise<void> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      help: { type: "boolean" },
      sample: { type: "boolean" },
      working: text,
      waiting: text,
      restarts: text,
      fill: text,
      output: { type: "string", default: "build/bench/overload.json" },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const base = values.sample ? sample : full;
  const sizes = {
    ...base,
    working: Number(values.working ?? base.working),
    waiting: Number(values.waiting ?? base.waiting),
    restarts: Number(values.restarts ?? base.restarts),
    fill: Number(values.fill ?? base.fill),
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const { figures, means } = await measureOverload(sizes, say);
  mkdirSync(dirname(values.output), { recursive: true });
  writeFileSync(values.output, `${JSON.stringify(figures, null, 2)}\n`);
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
  say(`the API server was held to ${sizes.share} of a core by ${means}; figures: ${values.output}`);
}

if (import.meta.main) await main();
