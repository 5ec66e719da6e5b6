import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { exitCodes } from "../../operator/cli/failure.ts";
import { type Bench, condition, corpus, openBench, resourceOf } from "./command.ts";

/** One sentence for everything that keeps the command from a cluster: what, where, how to mend it. */

const patience = 120_000;

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
}, patience);
afterAll(() => bench?.close(), patience);

/** The kubeconfig with another server or another user. */
async function kubeconfigWith(name: string, change: { server?: string; token?: string }): Promise<string> {
  const config = parse(readFileSync(bench.kubeconfig, "utf8"));
  if (change.server !== undefined) config.clusters[0].cluster.server = change.server;
  if (change.token !== undefined) config.users[0].user = { token: change.token };
  await bench.write(name, stringify(config));
  return `${bench.directory}/${name}`;
}

async function ofNobody(): Promise<string> {
  await bench.kubectl("create", "serviceaccount", "nobody", "-n", bench.namespace);
  const { out } = await bench.kubectl("create", "token", "nobody", "-n", bench.namespace);
  return kubeconfigWith("nobody.kubeconfig", { token: out.trim() });
}

describe("the way to the cluster", { timeout: patience }, () => {
  test("no kubeconfig", async () => {
    const { code, error } = await bench.run("kubectl-tanren", ["get"], { KUBECONFIG: "" });
    expect(code).toBe(exitCodes.notFound.code);
    expect(error).toMatch(/^tanren: there is no kubeconfig; .*~\/.kube\/config\n$/);
  });

  test("a kubeconfig that is not there", async () => {
    const { code, error } = await bench.run("tanren", ["get", "--kubeconfig", "nowhere.yaml"]);
    expect(code).toBe(exitCodes.notFound.code);
    expect(error).toMatch(/^tanren: kubeconfig nowhere.yaml cannot be read \(ENOENT.*\n$/);
  });

  test("a context that is not there", async () => {
    const { code, error } = await bench.run("tanren", ["get", "--context", "nope"]);
    expect(code).toBe(exitCodes.notFound.code);
    expect(error).toMatch(
      /^tanren: the kubeconfig has no context nope; it has tanren: choose one of them\n$/,
    );
  });

  test("a server that does not answer", async () => {
    const kubeconfig = await kubeconfigWith("away.kubeconfig", { server: "https://127.0.0.1:1" });
    const { code, error } = await bench.run("kubectl-tanren", ["get", "--kubeconfig", kubeconfig]);
    expect(code).toBe(exitCodes.failed.code);
    expect(error).toMatch(
      /^tanren: the API server https:\/\/127.0.0.1:1 cannot be reached \(connect ECONNREFUSED 127.0.0.1:1\); see whether it runs, .*\n$/,
    );
  });

  test("a token that nobody knows", async () => {
    const kubeconfig = await kubeconfigWith("stale.kubeconfig", { token: "stale" });
    const { code, error } = await bench.run("kubectl-tanren", ["get", "--kubeconfig", kubeconfig]);
    expect(code).toBe(exitCodes.failed.code);
    expect(error).toMatch(
      /^tanren: the API server does not know who is asking \(Unauthorized\); renew the kubeconfig's credentials\n$/,
    );
  });

  test("what the person may not do, in one sentence for reading, applying and looking on", async () => {
    const kubeconfig = await ofNobody();
    const as = (...words: string[]) =>
      bench.run("kubectl-tanren", [...words, "--kubeconfig", kubeconfig, "-n", bench.namespace]);
    const { code, error } = await as("get", "ptr");
    expect(code).toBe(exitCodes.failed.code);
    expect(error).toMatch(
      new RegExp(
        `^tanren: not allowed to list pretrainruns in namespace ${bench.namespace}; grant the verb list on pretrainruns of API group "tanren.dev" .*\\n$`,
      ),
    );
    expect((await as("get", "-A")).error).toMatch(
      /^tanren: not allowed to list \w+ in all namespaces; .*\n$/,
    );
    await bench.kubectl(
      "create",
      "role",
      "reader",
      "--verb=get,list",
      "--resource=*.tanren.dev",
      "-n",
      bench.namespace,
    );
    await bench.kubectl(
      "create",
      "rolebinding",
      "reader",
      "--role=reader",
      `--serviceaccount=${bench.namespace}:nobody`,
      "-n",
      bench.namespace,
    );
    await bench.write("mine.yaml", corpus("mine"));
    const refused = await as("validate", "-f", "mine.yaml");
    expect(refused.code).toBe(exitCodes.invalid.code);
    expect(refused.error).toMatch(
      /^warning: mine.yaml:\d+: Corpus\/mine: spec.sources\[0\].from.claimName: PersistentVolumeClaim data cannot be checked: you may not read it\ntanren: mine.yaml:1: Corpus\/mine: not allowed to patch corpora in namespace .*\n1 problem; nothing was changed\n$/,
    );
    expect((await as("run", "-f", "mine.yaml")).error).toMatch(
      /^tanren: not allowed to patch corpora in namespace .*\n$/m,
    );
  });

  test.each([
    [["get", "--state", "x"], /^tanren: unknown option '--state'/],
    [["stop"], /^tanren: unknown command 'stop'/],
  ])("kubectl tanren %j is about another place", async (words, sentence) => {
    const { code, error } = await bench.run("kubectl-tanren", words);
    expect(code).toBe(exitCodes.usage.code);
    expect(error).toMatch(sentence);
  });

  test("KUBECONFIG alone does not move tanren off this machine", async () => {
    const { code, error } = await bench.run("tanren", ["get"]);
    expect(code).toBe(exitCodes.notFound.code);
    expect(error).toMatch(
      /^tanren: .*\/\.tanren has no state; .* or name a Kubernetes cluster with --context\n$/,
    );
  });
});

describe("logs and chat without pods", { timeout: patience }, () => {
  test("logs of a run that has no pods yet", async () => {
    await bench.write("web.yaml", corpus("web"));
    expect((await bench.plugin("run", "-f", "web.yaml", "--detach")).code).toBe(0);
    const { code, error } = await bench.plugin("logs", "corpus/web", "--stage", "clean");
    expect(code).toBe(exitCodes.notFound.code);
    expect(error).toMatch(
      /^tanren: Corpus\/web has no pods of stage clean; see "kubectl tanren describe corpus web --namespace .*"\n$/,
    );
  });

  test("chat says why an endpoint cannot be talked to", async () => {
    await bench.write(
      "serve.yaml",
      "apiVersion: tanren.dev/v1alpha1\nkind: InferenceDeployment\nmetadata: {name: assistant}\nspec: {model: {directory: {claimName: data, path: model}}, contextLength: 128, port: 8000, replicas: 1}\n",
    );
    expect(await bench.plugin("run", "-f", "serve.yaml", "--detach")).toMatchObject({ code: 0 });
    const chat = () => bench.plugin("chat", "assistant", "-m", "hello");
    expect((await chat()).error).toMatch(
      /^tanren: InferenceDeployment\/assistant is not ready \(the operator has not looked at it yet\); see/,
    );
    await bench.setStatus("InferenceDeployment", "assistant", {
      observedGeneration: 1,
      readyReplicas: 1,
      url: "http://assistant.nowhere.svc:8000",
      conditions: [condition("Ready", "True", "Available", "all replicas are ready with the wanted model")],
    });
    expect(await chat()).toMatchObject({
      code: exitCodes.failed.code,
      error: "tanren: InferenceDeployment/assistant has no ready pod now; try again in a moment\n",
    });
    await servingPod();
    expect(await chat()).toMatchObject({
      code: exitCodes.failed.code,
      error: expect.stringMatching(
        /^tanren: a port of pod assistant-0 in namespace \S+ cannot be reached through the API server \(.*\)\n$/,
      ),
    });
  });

  test("chat --url asks nobody where to go", async () => {
    const server = createServer((_, response) => response.end(JSON.stringify({ data: [{ id: "m" }] })));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { error } = await bench.run("kubectl-tanren", ["chat", "--url", url], { KUBECONFIG: "/nowhere" });
    server.close();
    expect(error).toMatch(/^tanren: standard input is no terminal/);
  });

  /** A pod that calls itself ready and that no kubelet runs. */
  async function servingPod(): Promise<void> {
    const { namespace, api, cluster } = bench;
    const deployment = await cluster.get(resourceOf("InferenceDeployment"), namespace, "assistant");
    await api.send("POST", `/api/v1/namespaces/${namespace}/pods`, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "assistant-0", labels: { "tanren.dev/uid": deployment?.metadata.uid } },
      spec: {
        containers: [{ name: "kernel", image: "none", ports: [{ name: "http", containerPort: 8000 }] }],
      },
    });
    await api.send("PATCH", `/api/v1/namespaces/${namespace}/pods/assistant-0/status`, {
      status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
    });
  }
});
