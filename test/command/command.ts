import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { inject } from "vitest";
import { kinds, type TanrenObject } from "../../operator/api/kinds.ts";
import { connectKubernetes, type KubernetesCluster } from "../../operator/cluster/kubernetes/index.ts";
import type { Condition } from "../../operator/cluster/objects.ts";
import type { Resource } from "../../operator/cluster/resource.ts";
import { ApiServer } from "../contract/api-server.ts";
import { installKinds } from "../contract/kubernetes-world.ts";
import { openNamespace } from "../contract/namespace.ts";
import { eventually } from "../contract/waiting.ts";

/**
 * The command before a real control plane: a namespace with objects whose status the test writes, as an
 * operator would.
 */

const binaries = fileURLToPath(new URL("../../bin", import.meta.url));

export interface Ended {
  code: number | null;
  out: string;
  error: string;
}

export interface Bench {
  namespace: string;
  kubeconfig: string;
  /** Empty but for what the test writes; commands run in it. */
  directory: string;
  cluster: KubernetesCluster;
  api: ApiServer;
  /** Writes a file of the directory. */
  write(name: string, content: string): Promise<void>;
  /** `kubectl tanren WORDS`, through kubectl, in the namespace. */
  plugin(...words: string[]): Promise<Ended>;
  /** A program of bin/ with nothing but these words. */
  run(
    program: "tanren" | "kubectl-tanren",
    words: readonly string[],
    env?: Record<string, string>,
  ): Promise<Ended>;
  kubectl(...words: string[]): Promise<Ended>;
  /**
   * A line as a person types it, with kubectl on the PATH and the namespace as the context's. One that does not
   * end by itself is interrupted once its output shows `until`.
   */
  shell(line: string, until?: RegExp): Promise<Ended>;
  /** Replaces the status of an object that is there. */
  setStatus(kind: string, name: string, status: object): Promise<void>;
  close(): Promise<void>;
}

export async function openBench(kubeconfig = inject("kubeconfig")): Promise<Bench> {
  const api = new ApiServer(kubeconfig);
  await installKinds(api);
  const namespace = `command-${randomBytes(4).toString("hex")}`;
  // What the corpora of these tests read.
  await openNamespace(api, namespace, { claims: ["data"] });
  const directory = await mkdtemp(join(tmpdir(), "tanren-command-"));
  const cluster = connectKubernetes({ kubeconfig: { path: kubeconfig }, report() {} });
  const call = (program: string, words: readonly string[], env: Record<string, string> = {}) =>
    started(program, words, directory, { KUBECONFIG: kubeconfig, HOME: directory, ...env }).ended;
  const [kubectl, ...before] = kubectlOf(kubeconfig);
  return {
    namespace,
    kubeconfig,
    directory,
    cluster,
    api,
    write: (name, content) => writeFile(join(directory, name), content),
    plugin: (...words) => call(kubectl, [...before, "tanren", ...words, "-n", namespace]),
    run: (program, words, env) => call(join(binaries, program), words, env),
    kubectl: (...words) => call(kubectl, [...before, ...words]),
    async shell(line, until) {
      const programs = join(directory, ".local/bin");
      await mkdir(programs, { recursive: true });
      const script = `#!/bin/sh\nexec ${[kubectl, ...before].map((word) => `"${word}"`).join(" ")} "$@"\n`;
      await writeFile(join(programs, "kubectl"), script, { mode: 0o755 });
      const own = join(directory, "kubeconfig");
      await copyFile(kubeconfig, own);
      await call(kubectl, [...before, "config", "set-context", "--current", `--namespace=${namespace}`], {
        KUBECONFIG: own,
      });
      const PATH = [programs, binaries, process.env.PATH].join(delimiter);
      const words = until === undefined ? line : `exec ${line}`;
      const environment = { KUBECONFIG: own, HOME: directory, PATH };
      const { child, seen, ended } = started("sh", ["-c", words], directory, environment);
      for (const stream of until === undefined ? [] : [child.stdout, child.stderr])
        stream.on("data", () => until?.test(seen.out + seen.error) && child.kill("SIGINT"));
      return ended;
    },
    async setStatus(kind, name, status) {
      const resource = resourceOf(kind);
      const object = await eventually(
        () => cluster.get(resource, namespace, name),
        `${kind} ${name} is there`,
      );
      await cluster.updateStatus(resource, { ...object, status });
    },
    async close() {
      await cluster.stop();
      await api.send("DELETE", `/api/v1/namespaces/${namespace}`);
      api.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** A program under way, with its standard streams as pipes and our programs on PATH. */
export function started(program: string, words: readonly string[], cwd: string, env: Record<string, string>) {
  const PATH = `${binaries}${delimiter}${process.env.PATH}`;
  const child = spawn(program, words, {
    cwd,
    env: { ...process.env, PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 90_000,
  });
  const seen: Ended = { code: null, out: "", error: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    seen.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    seen.error += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      seen.code = code;
      resolve(seen);
    });
  });
  return { child, seen, ended };
}

export function resourceOf(kind: string): Resource<TanrenObject> {
  const found = kinds.find(({ resource }) => resource.kind === kind);
  if (found === undefined) throw new Error(`there is no kind ${kind}`);
  return found.resource as Resource<TanrenObject>;
}

/** The cluster's own kubectl where the launcher has started it, else the machine's. */
function kubectlOf(kubeconfig: string): [string, ...string[]] {
  const record = join(dirname(kubeconfig), "instance.json");
  return existsSync(record) ? [JSON.parse(readFileSync(record, "utf8")).binary, "kubectl"] : ["kubectl"];
}

export function condition(
  type: string,
  status: Condition["status"],
  reason: string,
  message: string,
): Condition {
  return {
    type,
    status,
    reason,
    message,
    lastTransitionTime: new Date().toISOString(),
    observedGeneration: 1,
  };
}

export const corpus = (name: string, extra = "") => `apiVersion: tanren.dev/v1alpha1
kind: Corpus
metadata: {name: ${name}}
spec:
  sources: [{name: ja, language: ja, licence: CC0-1.0, format: jsonl, from: {claimName: data}}]
  mixture: {tokens: 1024, ratios: [{language: ja, percent: 100}]}
  tokenizer: {train: {vocabularySize: 400}}
${extra}`;

export const pretrainRun = (name: string, corpusName: string) => `apiVersion: tanren.dev/v1alpha1
kind: PretrainRun
metadata: {name: ${name}}
spec:
  corpus: {name: ${corpusName}}
  model: {preset: llama-tiny}
  sequenceLength: 64
  training: {tokens: 4096, globalBatchTokens: 512, learningRate: "1e-3"}
`;
