/**
 * A real Kubernetes for tests: starts one by the launcher beside this file and talks to it by kubectl.
 * README.md says what it can.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";

export interface ClusterOptions {
  /** With a node that runs pods; needs root and the packages of install-node-packages.sh. */
  node?: boolean;
  /** An audit policy file; what it records is in `auditLog`. */
  auditPolicy?: string;
  /** Of all components of the control plane, such as `GenericWorkload=true`. */
  featureGates?: string;
  /** APIs that are served or not beside the usual ones, such as `scheduling.k8s.io/v1alpha2=true`. */
  runtimeConfig?: string;
  /** At most 40 small letters, digits and dashes, unused on this machine; made up when left out. */
  name?: string;
}

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

export type Component =
  | "etcd"
  | "kube-apiserver"
  | "kube-controller-manager"
  | "kube-scheduler"
  | "containerd"
  | "kubelet"
  | "kube-proxy"
  | "coredns";

export interface TestCluster {
  /** Path of an administrator's kubeconfig with the credentials inside. */
  kubeconfig: string;
  /** Holds the components' logs (`logs/`), `audit.log` and everything else; gone after `stop`. */
  directory: string;
  /** Path of the audit log, one JSON event a line; empty without `auditPolicy`. */
  auditLog: string;
  /** The address by which pods reach a server of this machine. */
  hostAddress: string;
  /** Runs kubectl of the cluster's own version; never throws for an exit code. */
  kubectl(args: string[], options?: { input?: string }): Promise<CommandResult>;
  /** Gives the node the images of a docker or OCI archive. */
  loadImage(file: string): Promise<void>;
  /** Ends a component: politely, or at once with `kill`, as a crash does. */
  stopComponent(name: Component, options?: { kill?: boolean }): Promise<void>;
  /** Starts a stopped component again, with its data and port; returns when it answers. */
  startComponent(name: Component): Promise<void>;
  /** Process of a component that runs. */
  pidOf(name: Component): number;
  /** Ends all its processes and removes all it made. */
  stop(): Promise<void>;
}

const launcher = join(import.meta.dirname, "launch");
const record = z.object({
  binary: z.string(),
  hostAddress: z.string(),
  processes: z.record(z.string(), z.object({ pid: z.int() })),
});
let started = 0;

/**
 * Starts a cluster: seconds, or minutes when Kubernetes must be built first. It ends with `stop()`, or by
 * itself when this process is gone. @throws Error with the launcher's words and the ends of the components'
 * logs when it does not start.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const name = options.name ?? `test-${process.pid}-${++started}`;
  const up = ["up", "--name", name, "--owner-pid", String(process.pid)];
  if (options.node) up.push("--node");
  if (options.auditPolicy) up.push("--audit-policy", options.auditPolicy);
  if (options.featureGates) up.push("--feature-gates", options.featureGates);
  if (options.runtimeConfig) up.push("--runtime-config", options.runtimeConfig);
  const kubeconfig = (await launch(up)).trimEnd().split("\n").at(-1) ?? "";
  const directory = dirname(kubeconfig);
  const { hostAddress } = readRecord(directory);
  const ours = ["--directory", directory];
  return {
    kubeconfig,
    directory,
    auditLog: options.auditPolicy ? join(directory, "audit.log") : "",
    hostAddress,
    kubectl: kubectlOf(kubeconfig),
    loadImage: async (file) => void (await launch(["load-image", file, ...ours])),
    stopComponent: async (component, { kill } = {}) =>
      void (await launch(["stop-component", component, ...ours, ...(kill ? ["--kill"] : [])])),
    startComponent: async (component) => void (await launch(["start-component", component, ...ours])),
    pidOf(component) {
      const running = readRecord(directory).processes[component];
      if (running === undefined) throw new Error(`${component} does not run in cluster ${name}`);
      return running.pid;
    },
    stop: async () => void (await launch(["down", ...ours])),
  };
}

/** kubectl for a cluster of the launcher that somebody else has started, by its kubeconfig. */
export function kubectlOf(kubeconfig: string): TestCluster["kubectl"] {
  const directory = dirname(kubeconfig);
  const { binary } = readRecord(directory);
  const environment = { KUBECONFIG: kubeconfig, KUBECACHEDIR: join(directory, "kubectl") };
  return (args, { input } = {}) => command([binary, "kubectl", ...args], input, environment);
}

function readRecord(directory: string): z.output<typeof record> {
  return record.parse(JSON.parse(readFileSync(join(directory, "instance.json"), "utf8")));
}

/** The path of a program built from source: seconds, or minutes the first time. */
export const helmPath = (): Promise<string> => build("helm");
export const prometheusPath = (): Promise<string> => build("prometheus");
export const promtoolPath = (): Promise<string> => build("promtool");
export const registryPath = (): Promise<string> => build("registry");
export const cranePath = (): Promise<string> => build("crane");
export const cosignPath = (): Promise<string> => build("cosign");
export const krewPath = (): Promise<string> => build("krew");
export const krewValidatorPath = (): Promise<string> => build("validate-krew-manifest");

const build = async (program: string): Promise<string> => (await launch(["build", program])).trim();

/** The path of Kueue's program, built from its module: seconds, or minutes the first time. */
export async function kueuePath(): Promise<string> {
  return (await launch(["build", "kueue"])).trim();
}

/** The paths of KEDA's three programs, built from its module: seconds, or many minutes the first time. */
export async function kedaPaths(): Promise<{ operator: string; adapter: string; webhooks: string }> {
  const built = await launch(["build", "keda", "keda-adapter", "keda-webhooks"]);
  const [operator = "", adapter = "", webhooks = ""] = built.trim().split("\n");
  return { operator, adapter, webhooks };
}

async function launch(args: string[]): Promise<string> {
  const { code, stdout, stderr } = await command([launcher, ...args]);
  if (code !== 0) throw new Error(`${launcher} ${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}

async function command(
  argv: string[],
  input = "",
  more: Record<string, string> = {},
): Promise<CommandResult> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, { env: { ...process.env, ...more } });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
    if (text.startsWith("==>")) process.stderr.write(text); // the launcher builds: somebody may wonder why it takes minutes
  });
  child.stdin.on("error", () => {}); // it may end without reading; its exit code tells
  child.stdin.end(input);
  const [code] = await once(child, "close");
  return { code: typeof code === "number" ? code : 1, ...output };
}
