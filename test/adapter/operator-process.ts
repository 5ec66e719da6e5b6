import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestCluster } from "../cluster/cluster.ts";
import { eventually } from "../contract/waiting.ts";

const entry = join(import.meta.dirname, "../../operator/manager.ts");

/** The operator as a process of its own, as the chart's pod runs it, with the rights of a ServiceAccount. */
export class OperatorProcess {
  readonly logs: { msg?: string; level?: string; port?: number }[] = [];
  readonly ended: Promise<{ code: number | null; at: number }>;
  stderr = "";
  readonly #child: ChildProcess;

  constructor(name: string, directory: string, kubeconfig: string, configuration: object = {}) {
    const config = join(directory, `${name}.json`);
    writeFileSync(config, JSON.stringify({ port: 0, ...configuration }));
    this.#child = spawn(process.execPath, [entry, "--config", config, "--kubeconfig", kubeconfig], {
      env: { ...process.env, POD_NAME: name, POD_NAMESPACE: "tanren-system" },
    });
    let rest = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      this.logs.push(...lines.map((line) => JSON.parse(line)));
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = once(this.#child, "close").then(([code]) => ({ code, at: Date.now() }));
  }

  /** Waits until it says so. */
  says(message: string | RegExp, milliseconds?: number): Promise<unknown> {
    const said = ({ msg = "" }: { msg?: string }) =>
      typeof message === "string" ? msg === message : message.test(msg);
    return eventually(
      async () => this.logs.some(said),
      `the operator says ${message}: ${this.stderr}`,
      milliseconds,
    );
  }

  async ask(path: "/healthz" | "/readyz" | "/metrics"): Promise<{ code: number; text: string }> {
    const port = this.logs.find((line) => line.port !== undefined)?.port;
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    return { code: answer.status, text: await answer.text() };
  }

  signal(signal: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    this.#child.kill(signal);
  }

  /** Ends it whatever state it is in. */
  async end(): Promise<void> {
    this.#child.kill("SIGCONT");
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}

/** A kubeconfig of a ServiceAccount, with a token in a file beside it. */
export async function serviceAccountKubeconfig(
  cluster: TestCluster,
  account: string,
  namespace = "tanren-system",
): Promise<string> {
  const token = await cluster.kubectl(["create", "token", account, "-n", namespace, "--duration", "1h"]);
  if (token.code !== 0) throw new Error(token.stderr);
  const view = await cluster.kubectl(["config", "view", "--raw", "-o", "json"]);
  const [{ cluster: server }] = JSON.parse(view.stdout).clusters;
  const path = join(cluster.directory, `${account}.kubeconfig`);
  writeFileSync(`${path}.token`, token.stdout.trim());
  const content = {
    clusters: [{ name: "test", cluster: server }],
    users: [{ name: account, user: { tokenFile: `${path}.token` } }],
    contexts: [{ name: "test", context: { cluster: "test", user: account } }],
    "current-context": "test",
  };
  writeFileSync(path, JSON.stringify(content));
  return path;
}

/** What a user asked of the API server, by its audit log: one line a request, once it was answered. */
export interface AuditedRequest {
  user: string;
  verb: string;
  resource: string;
  name: string | undefined;
  code: number;
  at: number;
}
