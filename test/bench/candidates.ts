import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Command } from "./operator-process.ts";
import type { Place, Rule } from "./place.ts";
import { pretrainRuns, tasks, type Workload } from "./workload.ts";

/** An operator: how it is installed, and how it is started. */
export interface Candidate {
  name: string;
  workload: Workload;
  /** What it may do in its namespace. */
  rules: readonly Rule[];
  /** Files of the CustomResourceDefinitions it needs. */
  kinds: readonly string[];
  /** Its framework and language, with versions. */
  version: string;
  command(place: Place, metricsPort: number): Command;
  /** Whether it queues every object at SIGUSR1 and counts its reconciles on /metrics. */
  resyncs: boolean;
  /** What must exist in its namespace beside what all need. */
  before?: { path: string; object: unknown }[];
}

const all = ["get", "list", "watch", "create", "patch", "update", "delete"];

/** The same for every operator of Tasks. */
const ofTasks = {
  workload: tasks,
  rules: [
    {
      apiGroups: ["bench.tanren.dev"],
      resources: ["tasks"],
      verbs: ["get", "list", "watch", "patch", "update"],
    },
    { apiGroups: ["bench.tanren.dev"], resources: ["tasks/status"], verbs: ["get", "patch", "update"] },
    // For blockOwnerDeletion, where the API server asks for it.
    { apiGroups: ["bench.tanren.dev"], resources: ["tasks/finalizers"], verbs: ["update"] },
    { apiGroups: ["batch"], resources: ["jobs"], verbs: all },
    { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: all },
    { apiGroups: ["", "events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
    { apiGroups: ["kopf.dev"], resources: ["kopfpeerings"], verbs: ["get", "list", "watch", "patch"] },
  ],
  kinds: ["test/bench/task-crd.yaml"],
};

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "tanren/bench");
const run = promisify(execFile);
const here = new URL(".", import.meta.url).pathname;
const repository = new URL("../../", import.meta.url).pathname;

/** The operator of Tasks on Tanren's runtime and adapter. */
export async function tanren(workers: number): Promise<Candidate> {
  const program = join(here, "tanren/operator.ts");
  const { version, environment } = await node(program);
  return {
    ...ofTasks,
    name: "tanren",
    version,
    command: ({ namespace, kubeconfig }, metricsPort) => ({
      file: process.execPath,
      arguments: [program, namespace, String(metricsPort), String(workers)],
      environment: { ...environment, KUBECONFIG: kubeconfig },
    }),
    resyncs: true,
  };
}

/** The operator of this project as it runs in a cluster, over PretrainRuns that wait for a Corpus. */
export async function tanrenOperator(workers: number): Promise<Candidate> {
  const program = join(repository, "operator/manager.ts");
  const { version, environment } = await node(program);
  const crds = readdirSync(join(repository, "crds")).map((file) => `crds/${file}`);
  return {
    name: "tanren-operator",
    version,
    workload: pretrainRuns,
    rules: [
      { apiGroups: ["tanren.dev"], resources: ["*"], verbs: all },
      { apiGroups: ["batch"], resources: ["jobs"], verbs: all },
      { apiGroups: ["apps"], resources: ["deployments"], verbs: all },
      {
        apiGroups: [""],
        resources: ["configmaps", "services", "persistentvolumeclaims", "pods"],
        verbs: all,
      },
      { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: all },
      { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
    ],
    kinds: crds,
    command: ({ namespace, kubeconfig }, port) => {
      const configuration = `${kubeconfig}.operator.json`;
      writeFileSync(configuration, JSON.stringify({ namespace, port, workers }));
      return {
        file: process.execPath,
        arguments: [program, "--config", configuration],
        environment: { ...environment, KUBECONFIG: kubeconfig, POD_NAMESPACE: namespace },
      };
    },
    resyncs: false,
  };
}

/**
 * Node as in the operator's image: with its options, and with what it has compiled kept. The first run, for
 * --help, fills that cache.
 */
export async function node(
  program: string,
): Promise<{ version: string; environment: Record<string, string> }> {
  const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
  const [, options] =
    /NODE_OPTIONS=(\S+)/.exec(readFileSync(join(repository, "operator/Containerfile"), "utf8")) ?? [];
  if (options === undefined) throw new Error("operator/Containerfile states no NODE_OPTIONS");
  const environment = { NODE_COMPILE_CACHE: join(cache, "node"), NODE_OPTIONS: options };
  await run(process.execPath, [program, "--help"], { env: { ...process.env, ...environment } });
  return { version: `Tanren ${version}, Node ${process.versions.node}`, environment };
}

export async function controllerRuntime(workers: number): Promise<Candidate> {
  const directory = join(here, "controller-runtime");
  const { stdout } = await run("go", ["version"]).catch((error: unknown) => {
    throw new Error("go is needed to build the operator of controller-runtime: install Go 1.26 or newer", {
      cause: error,
    });
  });
  const go = stdout.trim();
  const sources = readdirSync(directory).map((file) => join(directory, file));
  const made = await once("controller-runtime", [go], sources, async (target) => {
    await run("go", ["build", "-p", "2", "-trimpath", "-o", join(target, "operator"), "."], {
      cwd: directory,
    });
  });
  const [, version] = /controller-runtime (v\S+)/.exec(readFileSync(join(directory, "go.mod"), "utf8")) ?? [];
  return {
    ...ofTasks,
    name: "controller-runtime",
    version: `controller-runtime ${version}, ${go.split(" ")[2]}`,
    command: ({ namespace, kubeconfig }, metricsPort) => ({
      file: join(made, "operator"),
      arguments: [
        "--namespace",
        namespace,
        "--metrics",
        `127.0.0.1:${metricsPort}`,
        "--workers",
        String(workers),
      ],
      environment: { KUBECONFIG: kubeconfig },
    }),
    resyncs: true,
  };
}

export async function kopf(): Promise<Candidate> {
  const directory = join(here, "kopf");
  const lock = join(directory, "requirements.lock");
  const base = join(repository, ".venv/bin/python");
  const { stdout } = await run(base, ["--version"]);
  const made = await once("kopf", [stdout], [lock], async (target) => {
    await run(base, ["-m", "venv", "--without-pip", target]);
    const python = join(target, "bin/python");
    const sync = [
      "pip",
      "sync",
      "--quiet",
      "--compile-bytecode",
      "--require-hashes",
      "--python",
      python,
      lock,
    ];
    await run(join(repository, ".venv/bin/uv"), sync);
  });
  const pinned = (name: string) => new RegExp(`^${name}==(\\S+)`, "m").exec(readFileSync(lock, "utf8"))?.[1];
  return {
    ...ofTasks,
    kinds: [...ofTasks.kinds, "test/bench/kopf/peering-crd.yaml"],
    name: "kopf",
    version: `kopf ${pinned("kopf")}, kubernetes-asyncio ${pinned("kubernetes-asyncio")}, ${stdout.trim()}`,
    command: ({ namespace, kubeconfig }) => ({
      file: join(made, "bin/python"),
      arguments: ["-m", "kopf", "run", "--namespace", namespace, join(directory, "task_operator.py")],
      environment: { KUBECONFIG: kubeconfig },
    }),
    resyncs: false,
    before: [
      {
        path: "/apis/kopf.dev/v1/namespaces/NAMESPACE/kopfpeerings",
        object: { apiVersion: "kopf.dev/v1", kind: "KopfPeering", metadata: { name: "default" } },
      },
    ],
  };
}

/**
 * Makes a directory of the cache once for each content of the files and words it comes from; a marker written
 * last says that it is whole.
 */
async function once(
  name: string,
  words: readonly string[],
  files: readonly string[],
  make: (target: string) => Promise<void>,
): Promise<string> {
  const hash = createHash("sha256").update(words.join("\n"));
  for (const file of files.toSorted())
    hash.update(`\0${file.slice(here.length)}\0`).update(readFileSync(file));
  const target = join(cache, `${name}-${hash.digest("hex").slice(0, 16)}`);
  const marker = join(target, ".whole");
  if (existsSync(marker)) return target;
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  await make(target);
  writeFileSync(marker, "");
  return target;
}
