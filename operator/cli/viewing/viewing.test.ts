import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import type { LocalCluster } from "../../cluster/local/index.ts";
import { pods } from "../../cluster/resource.ts";
import { labels } from "../../engine/names.ts";
import {
  aPod,
  aTemplate,
  eventually,
  onCleanUp,
  openCluster,
  sh,
  temporaryDirectory,
} from "../../testing/local-cluster.ts";
import { samples } from "../../testing/samples.ts";
import * as contract from "../../ui-server/contract.ts";
import { type AnyObject, type AnyStatus, parseKind } from "../kinds.ts";
import { localTarget } from "../target/local.ts";
import { customResources } from "../target/local-operator.ts";
import { collectReport, fillIn } from "./report.ts";
import { serveOwn } from "./serve.ts";
import { openView } from "./view.ts";

/** The server as `tanren ui` starts it, over real HTTP, on a state directory of this machine. */

const page = new Map([
  ["index.html", Buffer.from("<!doctype html><title>Tanren</title>")],
  ["assets/page-1a2b.js", Buffer.from("export {};")],
]);

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

interface Looked {
  stateDirectory: string;
  cluster: LocalCluster;
  /** GET with the right token, unless the headers say otherwise. */
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: string, headers?: Record<string, string>): Promise<Answer>;
  json(path: string): Promise<unknown>;
  port: number;
  token: string;
}

async function look(stateDirectory = temporaryDirectory()): Promise<Looked> {
  const cluster = await operatorOn(stateDirectory);
  return { cluster, ...(await lookAt(stateDirectory)) };
}

const operatorOn = (stateDirectory: string) => openCluster({ stateDirectory, customResources });

const hint = (words: string) => `"tanren ${words}"`;

async function lookAt(stateDirectory: string): Promise<Omit<Looked, "cluster">> {
  const { server, address } = await serveOwn(localTarget(stateDirectory, hint), page, 0);
  onCleanUp(() => server.close());
  const token = new URL(address).hash.slice("#token=".length);
  const ask = (method: string, path: string, headers: Record<string, string>, body = "") =>
    new Promise<Answer>((resolve, reject) => {
      const all = { authorization: `Bearer ${token}`, ...headers };
      const asked = request({ port: server.port, host: "127.0.0.1", method, path, headers: all });
      asked.on("error", reject);
      asked.on("response", async (response) => {
        const text = (await response.setEncoding("utf8").toArray()).join("");
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
      asked.end(body);
    });
  const get = (path: string, headers = {}) => ask("GET", path, headers);
  return {
    stateDirectory,
    get,
    post: (path, body, headers = {}) => ask("POST", path, headers, body),
    async json(path) {
      const { status, text } = await get(path);
      if (status !== 200) throw new Error(`${status}: ${text}`);
      return JSON.parse(text);
    },
    port: server.port,
    token,
  };
}

async function made(
  cluster: LocalCluster,
  kind: string,
  name: string,
  status: AnyStatus = {},
  namespace = "default",
) {
  const { resource } = parseKind(kind);
  const wanted = {
    apiVersion: resource.apiVersion,
    kind,
    metadata: { name, namespace },
    spec: samples[kind] ?? {},
  };
  const object = await cluster.apply(resource, wanted);
  return cluster.updateStatus(resource, { ...object, status });
}

const messageOf = ({ text }: Answer) => contract.ErrorAnswer.parse(JSON.parse(text)).error.message;

const startTime = "2026-01-01T00:00:00Z";

/** A run whose stage `train` writes to the returned directory. */
async function aRun(cluster: LocalCluster, stateDirectory: string) {
  const run = await made(cluster, "PretrainRun", "base", {
    storage: { claimName: "models", directory: "runs/base" },
    stages: [{ name: "train", state: "Running", startTime }],
  });
  const directory = join(stateDirectory, "claims/default/models/runs/base/train");
  mkdirSync(directory, { recursive: true });
  return { run, directory };
}

test("the page is there for everybody on this machine, and may load and run nothing but its own files", async () => {
  const { get } = await look();
  const { status, headers, text } = await get("/", { authorization: "" });
  expect([status, text]).toEqual([200, "<!doctype html><title>Tanren</title>"]);
  expect(headers["content-security-policy"]).toContain("default-src 'none'; script-src 'self'");
  expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'");
  expect(headers["x-content-type-options"]).toBe("nosniff");
  expect(headers["cache-control"]).toBe("no-cache");
  expect((await get("/assets/page-1a2b.js")).headers["cache-control"]).toContain("immutable");
  expect((await get("/assets/../../package.json")).status).toBe(404);
});

test("data is for who has the token, from a page of ours, by an address of this machine", async () => {
  const { get, token, port } = await look();
  const path = "/api/session";
  const ours = await get(path, { origin: `http://127.0.0.1:${port}`, "sec-fetch-site": "same-origin" });
  expect([ours.status, ours.headers["cache-control"]]).toEqual([200, "no-store"]);
  expect((await get(path, { host: `localhost:${port}` })).status).toBe(200);
  for (const authorization of ["", `Bearer ${token}x`, `Bearer ${token.slice(1)}`, `Basic ${token}`]) {
    const answer = await get(path, { authorization });
    expect([answer.status, messageOf(answer)]).toEqual([
      401,
      'this page belongs to one "tanren ui"; open the whole address that it printed',
    ]);
  }
  const foreign: Record<string, string>[] = [
    { host: "evil.example" },
    { host: `evil.example:${port}` },
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: "http://127.0.0.1:1" },
    { "sec-fetch-site": "cross-site" },
  ];
  for (const headers of foreign) expect([headers, (await get(path, headers)).status]).toEqual([headers, 403]);
  expect((await get("/", { host: "evil.example" })).status).toBe(403);
});

test("who is asked is told, and what is asked for that is not there", async () => {
  const { cluster, get, post, json, stateDirectory } = await look();
  await made(cluster, "Corpus", "c");
  await made(cluster, "Corpus", "other", {}, "team-b");
  expect(contract.Session.parse(await json("/api/session"))).toMatchObject({
    where: "local",
    name: stateDirectory,
    namespace: "default",
    namespaces: ["default", "team-b"],
  });
  const problems: Record<string, [number, RegExp]> = {
    "/api/nothing": [404, /no \/api\/nothing here/],
    "/api/objects/pods/default/c/events": [404, /no kind pods; kinds are: corpora/],
    "/api/objects/corpora/default/none/events": [404, /no Corpus none in namespace default/],
    "/api/objects/corpora/default/c/metrics": [404, /Corpus c has no figures by step yet/],
    "/api/objects/corpora/default/c/metrics?points=none": [400, /query parameter points/],
    "/api/objects/corpora/default/c/logs": [404, /Corpus\/c has no pods/],
    "/api/objects/corpora/default/%E0%A4%A/logs": [400, /cannot be decoded/],
  };
  for (const [path, [status, message]] of Object.entries(problems)) {
    const answer = await get(path);
    expect([path, answer.status]).toEqual([path, status]);
    expect(messageOf(answer)).toMatch(message);
  }
  expect((await post("/api/session", "")).status).toBe(405);
});

test("an object's plan is what tanren plan says of it", async () => {
  const { cluster, json } = await look();
  await made(cluster, "Corpus", "c");
  await made(cluster, "PretrainRun", "base");
  const { plan, problems } = contract.ObjectPlan.parse(
    await json("/api/objects/pretrainruns/default/base/plan"),
  );
  expect(plan).toMatchObject({ steps: 64, tokens: 65_536 });
  expect(problems).toEqual([]);
});

/** Lines of a watch as they come. */
async function watching({ port, token }: Pick<Looked, "port" | "token">, query = "") {
  const lines: contract.WatchLine[] = [];
  let ended = false;
  const asked = request({
    port,
    host: "127.0.0.1",
    path: `/api/watch${query}`,
    headers: { authorization: `Bearer ${token}` },
  });
  asked.on("response", (response) => {
    response.on("error", () => {});
    createInterface({ input: response })
      .on("error", () => {}) // the test has ended
      .on("line", (line) => lines.push(contract.WatchLine.parse(JSON.parse(line))))
      .on("close", () => {
        ended = true;
      });
  });
  asked.on("error", () => {});
  asked.end();
  onCleanUp(() => void asked.destroy());
  await eventually(async () => lines.some(({ type }) => type === "SYNCED"));
  return {
    told: () =>
      lines.map((line) => ("object" in line ? `${line.type} ${line.object.metadata.name}` : line.type)),
    lines,
    ended: () => eventually(async () => ended),
  };
}

test("a watch tells what is there, then what changes, of the namespace that is asked for", async () => {
  const looked = await look();
  const { cluster } = looked;
  await made(cluster, "Corpus", "c");
  await made(cluster, "Corpus", "elsewhere", {}, "team-b");
  const all = await watching(looked);
  const one = await watching(looked, "?namespace=default");
  expect(all.told().toSorted()).toEqual(["ADDED c", "ADDED elsewhere", "SYNCED"]);
  expect(one.told()).toEqual(["ADDED c", "SYNCED"]);
  const run = await made(cluster, "PretrainRun", "base");
  await cluster.delete(parseKind("PretrainRun").resource, run);
  await eventually(async () => one.told().includes("DELETED base"));
  expect(one.told().slice(2, 3)).toEqual(["ADDED base"]);
});

test("a watch ends with a sentence when the operator does; what it left is told, and that another has started", async () => {
  const looked = await look();
  await made(looked.cluster, "Corpus", "c");
  const live = await watching(looked);
  await looked.cluster.stop({ pods: "keep" });
  await live.ended();
  expect(live.lines.at(-1)).toMatchObject({
    type: "ERROR",
    message: expect.stringContaining("the operator has ended"),
  });
  const atRest = await watching(looked);
  expect(atRest.told()).toEqual(["ADDED c", "SYNCED"]);
  await operatorOn(looked.stateDirectory);
  await atRest.ended();
  expect(atRest.lines.at(-1)).toEqual({ type: "ERROR", message: "an operator has started" });
});

test("a run's curves are there while it writes them", async () => {
  const { cluster, stateDirectory, json, get } = await look();
  const { directory } = await aRun(cluster, stateDirectory);
  const path = "/api/objects/pretrainruns/default/base/metrics";
  const rows = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => {
      const step = from + index;
      return `${JSON.stringify({ step, loss: 6 - step / 10, lr: 1e-4, tokens: step * 100 })}\n`;
    }).join("");
  writeFileSync(join(directory, "metrics.jsonl"), rows(1, 11));
  expect(contract.Metrics.parse(await json(path))).toEqual({
    stage: "train",
    stages: ["train"],
    available: [{ name: "loss" }, { name: "lr" }],
    x: "step",
    axes: ["step", "tokens"],
    total: 10,
    series: {},
  });
  appendFileSync(join(directory, "metrics.jsonl"), rows(11, 21));
  const asked = await json(`${path}?stage=train&series=loss&x=tokens&from=1900&points=5`);
  const { total, series } = contract.Metrics.parse(asked);
  expect(total).toBe(20);
  expect(series.loss).toEqual({ x: [1900, 2000], y: [4.1, 4] });
  for (const [query, message] of [
    ["series=nothing", "stage train has no figure nothing; it has loss, lr"],
    ["series=loss&x=time", "the rows of stage train do not say seconds; draw them by one of: step, tokens"],
    ["stage=other", "PretrainRun base has no figures by step of stage other yet"],
  ])
    expect(messageOf(await get(`${path}?${query}`))).toBe(message);
});

test("files of an artifact are reports and pictures, never weights, and none outside of it", async () => {
  const { cluster, stateDirectory, json, get } = await look();
  const { directory } = await aRun(cluster, stateDirectory);
  mkdirSync(join(directory, "samples"));
  writeFileSync(join(directory, "report.json"), '{"loss": 1}');
  writeFileSync(join(directory, "loss.png"), "\x89PNG");
  writeFileSync(join(directory, "model.safetensors"), "weights");
  writeFileSync(join(directory, "samples/ja.jsonl"), '{"text": "犬"}\n{"text": "猫"}\n{"text": "torn');
  writeFileSync(join(stateDirectory, "claims/default/secret.json"), '{"secret": true}');
  writeFileSync(join(stateDirectory, "claims/default/models/other.json"), "{}");
  symlinkSync(join(stateDirectory, "claims/default/secret.json"), join(directory, "link.json"));
  symlinkSync(join(stateDirectory, "claims/default"), join(directory, "folder"));
  const files = "/api/objects/pretrainruns/default/base/files";
  expect(contract.Files.parse(await json(files)).files).toEqual([
    { path: "train/loss.png", size: 5, mediaType: "image/png" },
    { path: "train/report.json", size: 11, mediaType: "application/json" },
    { path: "train/samples/ja.jsonl", size: 46, mediaType: "application/jsonl" },
  ]);
  const report = await get(`${files}/train/report.json`);
  expect([report.headers["content-type"], report.text]).toEqual(["application/json", '{"loss": 1}']);
  const rows = `${files}/train/samples/ja.jsonl`;
  expect(contract.Rows.parse(await json(`${rows}?limit=1`))).toEqual({
    rows: [{ text: "犬" }],
    total: 2,
    next: 1,
  });
  expect(contract.Rows.parse(await json(`${rows}?offset=1`))).toMatchObject({
    rows: [{ text: "猫" }],
    next: null,
  });
  for (const path of [
    "train/model.safetensors",
    "train/link.json",
    "train/folder/secret.json",
    "train/..%2f..%2f..%2f..%2fsecret.json",
    "train/%2e%2e/%2e%2e/%2e%2e/other.json",
    "train//etc/hostname.json",
    "other/report.json",
    "train",
  ])
    expect([path, (await get(`${files}/${path}`)).status]).toEqual([path, 404]);
});

test("a stage's directory that a program has made a link out of its claim shows nothing", async () => {
  const { cluster, stateDirectory, json, get } = await look();
  await made(cluster, "PretrainRun", "base", {
    storage: { claimName: "models", directory: "runs" },
    stages: [{ name: "train", state: "Running", startTime }],
  });
  mkdirSync(join(stateDirectory, "claims/default/models/runs"), { recursive: true });
  writeFileSync(join(stateDirectory, "report.json"), "{}");
  symlinkSync(stateDirectory, join(stateDirectory, "claims/default/models/runs/train"));
  const files = "/api/objects/pretrainruns/default/base/files";
  expect(await json(files)).toEqual({ files: [] });
  expect((await get(`${files}/train/report.json`)).status).toBe(404);
});

test("rows of a large file are read by their number, page by page", async () => {
  const { cluster, stateDirectory, json } = await look();
  const { directory } = await aRun(cluster, stateDirectory);
  const text = "x".repeat(100);
  writeFileSync(
    join(directory, "rows.jsonl"),
    Array.from({ length: 25_000 }, (_, n) => `{"n":${n},"text":"${text}"}\n`).join(""),
  );
  const path = "/api/objects/pretrainruns/default/base/files/train/rows.jsonl";
  for (const offset of [0, 999, 1000, 1001, 24_998]) {
    const { rows, total, next } = contract.Rows.parse(await json(`${path}?offset=${offset}&limit=2`));
    expect(total).toBe(25_000);
    expect(rows).toMatchObject([{ n: offset }, { n: offset + 1 }]);
    expect(next).toBe(offset === 24_998 ? null : offset + 2);
  }
  expect(await json(`${path}?offset=25000`)).toEqual({ rows: [], total: 25_000, next: null });
});

test("the report of a Corpus's documents is the newest stage's, and held to its shape", async () => {
  const { cluster, stateDirectory, get } = await look();
  const begun = (...stages: string[]) => ({
    storage: { claimName: "models", directory: "corpora/web" },
    stages: stages.map((name) => ({ name, state: "Running" as const, startTime })),
  });
  const write = (stage: string, report: object) => {
    const directory = join(stateDirectory, "claims/default/models/corpora/web", stage);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "report.json"), JSON.stringify(report));
  };
  const report = { lengths: [], scores: [], classifiers: [], samples: [] };
  const path = "/api/objects/corpora/default/web/corpus-report";
  await made(cluster, "Corpus", "web", begun("clean"));
  const missing = await get(path);
  expect([missing.status, messageOf(missing)]).toEqual([
    404,
    expect.stringContaining("Corpus web has no report of its documents yet"),
  ]);
  write("clean", report);
  const clusters = [{ kept: "a", dropped: 2, least_similarity: 0.9 }];
  write("deduplicate", { ...report, clusters });
  // Not yet begun: what lies there is of an earlier run.
  expect(JSON.parse((await get(path)).text)).toEqual(report);
  const { resource } = parseKind("Corpus");
  const web = await cluster.get(resource, "default", "web");
  if (web === undefined) throw new Error("Corpus web is gone");
  await cluster.updateStatus(resource, { ...web, status: begun("clean", "deduplicate-choice") });
  expect(JSON.parse((await get(path)).text)).toEqual({ ...report, clusters });
  write("deduplicate", { ...report, samples: [{ text: 3 }] });
  const wrong = await get(path);
  expect([wrong.status, messageOf(wrong)]).toEqual([422, expect.stringContaining("samples.0")]);
});

test("logs are those of the chosen attempt's pods", async () => {
  const { cluster, get } = await look();
  const run = await made(cluster, "PretrainRun", "base");
  const pod = aPod("base-train-1", aTemplate(sh("for line in 1 2 3; do echo line $line; done")));
  const own = { [labels.uid]: run.metadata.uid, [labels.stage]: "train", [labels.attempt]: "1" };
  await cluster.apply(pods, { ...pod, metadata: { ...pod.metadata, labels: own } });
  await eventually(
    async () => (await cluster.get(pods, "default", "base-train-1"))?.status?.phase === "Succeeded",
  );
  const logs = "/api/objects/pretrainruns/default/base/logs";
  const { text, headers } = await get(`${logs}?stage=train&attempt=1&tail=2`);
  expect([text, headers["content-type"]]).toEqual(["line 2\nline 3\n", "text/plain; charset=utf-8"]);
  expect(messageOf(await get(`${logs}?attempt=7`))).toContain("has no pods of attempt 7");
  expect((await get(`${logs}?pod=nobody`)).status).toBe(404);
});

async function anEndpoint(listener: Parameters<typeof createServer>[1]): Promise<string> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onCleanUp(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a chat goes to the endpoint as it is, and its answer comes as it is made", async () => {
  const { cluster, post, json, port, token } = await look();
  const asked: { authorization?: string; body: string }[] = [];
  const { promise: first, resolve: sendRest } = Promise.withResolvers<void>();
  const url = await anEndpoint(async (received, response) => {
    if (received.url === "/v1/models") return void response.end('{"data": [{"id": "assistant"}]}');
    if (received.url === "/metrics")
      return void response.end(
        '# HELP x y\nrequests_total{route="/v1",status="200"} 3\nqueue 0.5\nbad NaN\n',
      );
    const body = (await received.setEncoding("utf8").toArray()).join("");
    asked.push({ authorization: received.headers.authorization, body });
    if (received.headers.authorization !== "Bearer sesame")
      return void response.writeHead(401).end('{"error": {"message": "No valid API key"}}');
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: one\n\n");
    await first;
    response.end("data: [DONE]\n\n");
  });
  await made(cluster, "InferenceDeployment", "assistant", { url, readyReplicas: 1, replicas: 1 });
  const path = "/api/endpoints/default/assistant";
  const chat = JSON.stringify({ messages: [{ role: "user", content: "こんにちは" }], stream: true });
  const refused = await post(`${path}/chat`, chat, { "x-endpoint-key": "wrong" });
  expect([refused.status, messageOf(refused)]).toEqual([
    403,
    "InferenceDeployment assistant answered 401: No valid API key",
  ]);
  const headers = { authorization: `Bearer ${token}`, "x-endpoint-key": "sesame" };
  const answer = await fetch(`http://127.0.0.1:${port}${path}/chat`, { method: "POST", body: chat, headers });
  expect(answer.headers.get("content-type")).toBe("text/event-stream");
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  // The endpoint has not said the rest yet.
  expect((await reader?.read())?.value).toBe("data: one\n\n");
  sendRest();
  expect((await reader?.read())?.value).toBe("data: [DONE]\n\n");
  expect(JSON.parse(asked.at(-1)?.body ?? "")).toEqual({ ...JSON.parse(chat), model: "assistant" });
  expect((await post(`${path}/chat`, "{}")).status).toBe(400);
  expect((await post(`${path}/chat`, "no")).status).toBe(400);
  expect(await json(`${path}/metrics`)).toEqual({
    values: { 'requests_total{route="/v1",status="200"}': 3, queue: 0.5 },
  });
});

test("an endpoint that does not answer is said, and does not end the server", async () => {
  const { cluster, post, get } = await look();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await new Promise((resolve) => server.close(resolve));
  await made(cluster, "InferenceDeployment", "gone", { url, readyReplicas: 1 });
  const answer = await post("/api/endpoints/default/gone/chat", '{"messages": []}');
  expect([answer.status, messageOf(answer)]).toEqual([
    502,
    "InferenceDeployment gone does not answer (ECONNREFUSED); see whether it is ready",
  ]);
  expect((await get("/api/session")).status).toBe(200);
});

test("a report has what the page would ask for, and no text of it leaves its place", async () => {
  const { cluster, stateDirectory } = await look();
  const { run, directory } = await aRun(cluster, stateDirectory);
  const hostile = "</script><script>alert(1)</script><!--\u2028$& 犬";
  const corpus = await made(cluster, "Corpus", "c");
  const unrelated = await made(cluster, "Corpus", "unrelated");
  writeFileSync(join(directory, "metrics.jsonl"), '{"step": 1, "loss": 2}\n');
  writeFileSync(join(directory, "report.json"), JSON.stringify({ text: hostile }));
  writeFileSync(join(directory, "rows.jsonl"), `${JSON.stringify({ text: hostile })}\n`);
  writeFileSync(join(directory, "loss.png"), "\x89PNG", "latin1");
  const view = await openView(localTarget(stateDirectory, hint));
  onCleanUp(() => view.close());
  const object = run as AnyObject;
  const now = new Date("2026-01-02T03:04:05Z");
  const report = await collectReport(view, object, [object, corpus, unrelated], now);
  const text = fillIn(
    '<p></p><script type="application/json" id="tanren-report"></script><script>page()</script>',
    report,
  );
  expect(text.match(/<script/g)).toHaveLength(2);
  expect(text.match(/<\/script>/g)).toHaveLength(2);
  const [, inside = ""] = /id="tanren-report">(.*)<\/script><script>page/s.exec(text) ?? [];
  const { related, made: when, data } = contract.Report.parse(JSON.parse(inside));
  expect([related.map(({ metadata }) => metadata.name), when]).toEqual([["c"], "2026-01-02T03:04:05.000Z"]);
  const place = "GET /api/objects/pretrainruns/default/base";
  expect(Object.keys(data)).toEqual(
    expect.arrayContaining([
      "GET /api/session",
      `${place}/events`,
      `${place}/plan`,
      `${place}/files`,
      "GET /api/objects/corpora/default/c/events",
    ]),
  );
  expect(contract.Metrics.parse(data[`${place}/metrics?stage=train`]).series.loss).toEqual({
    x: [1],
    y: [2],
  });
  expect(data[`${place}/files/train/report.json`]).toEqual({ text: hostile });
  expect(data[`${place}/files/train/loss.png`]).toBe("data:image/png;base64,iVBORw==");
  expect(contract.Rows.parse(data[`${place}/files/train/rows.jsonl?limit=50&offset=0`]).rows).toEqual([
    { text: hostile },
  ]);
});
