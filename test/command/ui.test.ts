import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { type KubeconfigChoice, kubernetesTarget } from "../../operator/cli/target/kubernetes.ts";
import { serveOwn, serveShared } from "../../operator/cli/viewing/serve.ts";
import * as contract from "../../operator/ui-server/contract.ts";
import type { UiServer } from "../../operator/ui-server/server.ts";
import { eventually } from "../contract/waiting.ts";
import { type Bench, corpus, openBench, pretrainRun } from "./command.ts";

/**
 * The page's server before a real API server: whoever looks sees what that API server lets them, and no more.
 */

const patience = 120_000;
const page = new Map([["index.html", Buffer.from("<!doctype html>")]]);
const kubeconfigOf = (bench: Bench) => ({ kubeconfig: bench.kubeconfig });

let mine: Bench;
let others: Bench;
let server: UiServer;
const tokens: Record<"member" | "nobody", string> = { member: "", nobody: "" };
beforeAll(async () => {
  mine = await openBench();
  others = await openBench();
  for (const bench of [mine, others]) {
    await bench.write("all.yaml", `${corpus("web")}---\n${pretrainRun("base", "web")}`);
    expect(await bench.plugin("run", "-f", "all.yaml", "--detach")).toMatchObject({ code: 0 });
  }
  tokens.member = await tokenOf("member");
  tokens.nobody = await tokenOf("nobody");
  const place = `/apis/rbac.authorization.k8s.io/v1/namespaces/${mine.namespace}`;
  const read = ["get", "list", "watch"];
  await mine.api.send("POST", `${place}/roles`, {
    metadata: { name: "look" },
    rules: [
      { apiGroups: ["tanren.dev"], resources: ["*"], verbs: read },
      { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: read },
    ],
  });
  await mine.api.send("POST", `${place}/rolebindings`, {
    metadata: { name: "look" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "look" },
    subjects: [{ kind: "ServiceAccount", name: "member", namespace: mine.namespace }],
  });
  server = await serveShared(await nobodysKubeconfig(), page, 0);
}, patience);
afterAll(async () => {
  await server?.close();
  await Promise.all([mine, others].map((bench) => bench?.close()));
});

/** As the chart makes it: where the API server is, and nobody who asks it. */
async function nobodysKubeconfig(): Promise<KubeconfigChoice> {
  const { clusters } = Kubeconfig.parse(parse(await readFile(mine.kubeconfig, "utf8")));
  const [{ cluster }] = clusters;
  await mine.write("ca.crt", Buffer.from(cluster["certificate-authority-data"], "base64").toString());
  const content = {
    clusters: [{ name: "cluster", cluster: { server: cluster.server, "certificate-authority": "ca.crt" } }],
    contexts: [{ name: "cluster", context: { cluster: "cluster", namespace: "tanren-system", user: "" } }],
    "current-context": "cluster",
  };
  await mine.write("nobody.yaml", stringify(content));
  return { kubeconfig: join(mine.directory, "nobody.yaml") };
}

const Kubeconfig = z.object({
  clusters: z.tuple([
    z.object({ cluster: z.object({ server: z.string(), "certificate-authority-data": z.string() }) }),
  ]),
});
const TokenRequest = z.object({ status: z.object({ token: z.string() }) });

async function tokenOf(name: string): Promise<string> {
  const place = `/api/v1/namespaces/${mine.namespace}/serviceaccounts`;
  await mine.api.send("POST", place, { metadata: { name } });
  const answer = await mine.api.send("POST", `${place}/${name}/token`, { spec: {} });
  return TokenRequest.parse(answer).status.token;
}

const ask = (path: string, token?: string, port = server.port) =>
  fetch(`http://127.0.0.1:${port}${path}`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });

async function refusal(path: string, token?: string): Promise<[number, string]> {
  const answer = await ask(path, token);
  return [answer.status, contract.ErrorAnswer.parse(await answer.json()).error.message];
}

/** What a watch tells until the present state is told. */
async function told(query: string, token: string, port?: number): Promise<string[]> {
  const { body } = await ask(`/api/watch${query}`, token, port);
  const lines: string[] = [];
  let rest = "";
  // Who leaves the loop leaves the watch.
  for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const whole = (rest + piece).split("\n");
    rest = whole.pop() ?? "";
    const seen = whole.map((text) => contract.WatchLine.parse(JSON.parse(text)));
    for (const line of seen) {
      if ("object" in line) lines.push(`${line.object.metadata.namespace} ${line.object.metadata.name}`);
      if ("message" in line) lines.push(`${line.kind}: ${line.message}`);
    }
    if (seen.some(({ type }) => type === "SYNCED")) break;
  }
  return lines.toSorted();
}

test("who brings no token, or one that the API server does not know, sees the page and nothing else", async () => {
  expect((await ask("/")).status).toBe(200);
  expect(await refusal("/api/session")).toEqual([401, expect.stringContaining("kubectl create token")]);
  for (const path of ["/api/session", "/api/watch", `/api/objects/corpora/${mine.namespace}/web/events`])
    expect(await refusal(path, "made-up")).toEqual([
      401,
      expect.stringContaining("the API server does not know who is asking"),
    ]);
});

test("who has no rights is told which right is missing, object by object and kind by kind", async () => {
  const { namespace } = mine;
  expect(await refusal(`/api/objects/corpora/${namespace}/web/events`, tokens.nobody)).toEqual([
    403,
    expect.stringContaining(`not allowed to get corpora in namespace ${namespace}; grant the verb get`),
  ]);
  const lines = await told(`?namespace=${namespace}`, tokens.nobody);
  expect(lines).toHaveLength(6);
  for (const line of lines) expect(line).toMatch(/^\w+: not allowed to list \w+ in namespace/);
});

test("who may look at one namespace sees that one, live, and nothing of another", async () => {
  const { namespace } = mine;
  const session = contract.Session.parse(await (await ask("/api/session", tokens.member)).json());
  expect(session).toMatchObject({
    where: "cluster",
    namespaces: null,
    user: `system:serviceaccount:${namespace}:member`,
  });
  expect(await told(`?namespace=${namespace}`, tokens.member)).toEqual([
    `${namespace} base`,
    `${namespace} web`,
  ]);
  for (const query of ["", `?namespace=${others.namespace}`])
    for (const line of await told(query, tokens.member)) expect(line).toContain("not allowed to list");
  expect((await refusal(`/api/objects/corpora/${others.namespace}/web/plan`, tokens.member))[0]).toBe(403);
  const plan = await ask(`/api/objects/pretrainruns/${namespace}/base/plan`, tokens.member);
  expect(contract.ObjectPlan.parse(await plan.json())).toMatchObject({ name: "base", plan: { steps: 8 } });
  // Events are granted, and logs of pods are not.
  const place = `/api/objects/pretrainruns/${namespace}/base`;
  expect(await (await ask(`${place}/events`, tokens.member)).json()).toEqual({ events: [] });
  expect(await refusal(`${place}/logs`, tokens.member)).toEqual([
    403,
    expect.stringContaining("not allowed to list pods"),
  ]);
});

test("files on claims of a cluster are said to be out of reach, and how to get them", async () => {
  const { namespace, setStatus } = mine;
  await setStatus("PretrainRun", "base", {
    storage: { claimName: "models", directory: "runs/base" },
    stages: [{ name: "train", state: "Running", startTime: new Date().toISOString() }],
  });
  const files = `/api/objects/pretrainruns/${namespace}/base/files`;
  await eventually(
    async () => (await ask(files, tokens.member)).status === 404 || undefined,
    "status is seen",
  );
  expect(await refusal(files, tokens.member)).toEqual([
    404,
    'files of PretrainRun base are on claim models of the cluster, which this page cannot read; mount the claim\'s file system on your machine and copy them with "tanren export"',
  ]);
});

test("tanren ui of a context shows what its user may see, in all namespaces", async () => {
  const target = kubernetesTarget(kubeconfigOf(mine), (words) => `"kubectl tanren ${words}"`);
  const own = await serveOwn(target, page, 0);
  try {
    const token = new URL(own.address).hash.slice("#token=".length);
    const lines = await told("", token, own.server.port);
    for (const { namespace } of [mine, others]) expect(lines).toContain(`${namespace} base`);
    const answer = await ask("/api/session", token, own.server.port);
    const session = contract.Session.parse(await answer.json());
    expect(session.namespaces).toEqual(expect.arrayContaining([mine.namespace, others.namespace]));
    expect((await ask("/api/session", tokens.member, own.server.port)).status).toBe(401);
  } finally {
    await own.server.close();
    await target.stop();
  }
});
