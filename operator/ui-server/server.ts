import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Answers, logQuery, metricsQuery, rowsQuery } from "./answers.ts";
import type { ErrorAnswer, WatchLine } from "./contract.ts";
import { chat, endpointMetrics } from "./endpoint.ts";
import { bearerToken, requireHost, requireOwnOrigin } from "./gate.ts";
import { asHttpError, HttpError } from "./http-error.ts";
import { type Page, securityHeaders, serveFile } from "./static-files.ts";
import type { Access, View, ViewedObject } from "./view.ts";
import { streamObjects } from "./watch-stream.ts";

/** The page and what it asks, over HTTP. Everything is read but for a chat, which changes nothing either. */

export interface UiServerOptions {
  page: Page;
  access: Access;
  /** 0 takes any free one. */
  port: number;
  /** Loopback: of this machine alone, by its own names. Every address: behind a Service. */
  listen: "loopback" | "everywhere";
  /** Called with what is a defect of this server. */
  report: (error: unknown) => void;
}

export interface UiServer {
  readonly port: number;
  close(): Promise<void>;
}

const mostBodyBytes = 4 * 2 ** 20;

export async function startUiServer(options: UiServerOptions): Promise<UiServer> {
  const { port, listen, report } = options;
  const answers = new Answers();
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
    handle({ ...options, answers, hosts: hostsOf(server, listen) }, request, response).catch(
      (error: unknown) => fail(response, error, report),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, listen === "loopback" ? "127.0.0.1" : undefined, resolve);
  });
  return {
    port: portOf(server),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

/** Undefined: by any name that leads here. */
function hostsOf(server: Server, listen: UiServerOptions["listen"]): ReadonlySet<string> | undefined {
  if (listen === "everywhere") return undefined;
  return new Set(["127.0.0.1", "localhost"].map((host) => `${host}:${portOf(server)}`));
}

interface Context extends UiServerOptions {
  answers: Answers;
  hosts: ReadonlySet<string> | undefined;
}

async function handle(context: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
  const { page, access, hosts } = context;
  const url = URL.parse(request.url ?? "/", "http://page.invalid");
  if (url === null) throw new HttpError(400, "the address of the request is none");
  if (url.pathname === "/healthz") {
    response.end("ok\n");
    return;
  }
  if (hosts) requireHost(request, hosts);
  const isData = url.pathname.startsWith("/api/");
  if (
    !isData &&
    ["GET", "HEAD"].includes(request.method ?? "") &&
    serveFile(page, request, response, url.pathname)
  )
    return;
  response.setHeader("cache-control", "no-store");
  if (!isData) throw new HttpError(404, `there is no ${url.pathname} here; the page is at /`);
  requireOwnOrigin(request);
  const view = await access.open(bearerToken(request));
  try {
    await answer({ ...context, view, url, request, response });
  } finally {
    view.close();
  }
}

interface Exchange extends Context {
  view: View;
  url: URL;
  request: IncomingMessage;
  response: ServerResponse;
}

async function answer(exchange: Exchange): Promise<void> {
  const { answers, view, url, request, response } = exchange;
  const [, , part, ...words] = url.pathname.split("/").map(decoded);
  const isPost = part === "endpoints" && words[2] === "chat";
  if (request.method !== (isPost ? "POST" : "GET"))
    throw new HttpError(405, `${url.pathname} is asked with ${isPost ? "POST" : "GET"}`);
  switch (part) {
    case "session":
      return sendJson(response, await answers.session(view));
    case "watch":
      return watch(exchange);
    case "objects":
      return answerObject(exchange, words);
    case "endpoints":
      return answerEndpoint(exchange, words);
    default:
      throw new HttpError(404, `there is no ${url.pathname} here`);
  }
}

async function answerObject(exchange: Exchange, words: readonly string[]): Promise<void> {
  const { answers, view, url, response } = exchange;
  const [plural = "", namespace = "", name = "", about, ...path] = words;
  const object = await answers.object(view, plural, namespace, name);
  const query = url.searchParams;
  switch (about) {
    case "events":
      return sendJson(response, await answers.events(view, object));
    case "plan":
      return sendJson(response, await view.plan(object));
    case "metrics":
      return sendJson(response, await answers.metrics(view, object, metricsQuery(query)));
    case "corpus-report":
      return sendJson(response, await answers.corpusReport(view, object));
    case "files":
      if (path.length === 0) return sendJson(response, await answers.files(view, object));
      return sendFile(exchange, object, path.join("/"));
    case "logs": {
      const { tail: tailLines, ...choice } = logQuery(query);
      const log = await begun(view.logs(object, { ...choice, tailLines }));
      response.setHeader("content-type", "text/plain; charset=utf-8");
      return pipeline(Readable.from(log), response);
    }
    default:
      throw new HttpError(404, `there is no ${url.pathname} here`);
  }
}

/**
 * The same pieces; what goes wrong before the first of them is thrown here, while it can still be an answer.
 */
async function begun(pieces: AsyncIterable<string>): Promise<AsyncIterable<string>> {
  const iterator = pieces[Symbol.asyncIterator]();
  const first = await iterator.next();
  return (async function* () {
    if (!first.done) yield first.value;
    yield* { [Symbol.asyncIterator]: () => iterator };
  })();
}

async function sendFile({ answers, view, url, response }: Exchange, object: ViewedObject, path: string) {
  if (path.endsWith(".jsonl"))
    return sendJson(response, await answers.rows(view, object, path, rowsQuery(url.searchParams)));
  const { content, mediaType } = await answers.file(view, object, path);
  response.writeHead(200, { "content-type": mediaType, "content-length": content.length });
  response.end(content);
}

async function answerEndpoint(exchange: Exchange, words: readonly string[]): Promise<void> {
  const { answers, view, url, request, response } = exchange;
  const [namespace = "", name = "", about] = words;
  const deployment = await answers.object(view, "inferencedeployments", namespace, name);
  if (about === "metrics") return sendJson(response, await endpointMetrics(view, deployment));
  if (about !== "chat") throw new HttpError(404, `there is no ${url.pathname} here`);
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const key = request.headers["x-endpoint-key"];
  const call = { body: await readJson(request), key: typeof key === "string" ? key : undefined };
  const { answer, close } = await chat(view, deployment, { ...call, signal: gone.signal });
  try {
    response.setHeader("content-type", answer.headers.get("content-type") ?? "application/octet-stream");
    await pipeline(Readable.from(answer.body ?? []), response);
  } catch (error) {
    // Whoever asked has left, or the endpoint has: what was sent stands.
    if (!gone.signal.aborted && !response.headersSent) throw error;
    response.destroy();
  } finally {
    close();
  }
}

/** Until the viewer leaves, or what is looked at does. */
function watch({ view, url, response, report }: Exchange): Promise<void> {
  response.setHeader("content-type", "application/x-ndjson");
  const namespace = url.searchParams.get("namespace") || undefined;
  const close = streamObjects(
    view,
    { namespace },
    {
      write: (text) => response.write(text),
      onDrain: (call) => response.on("drain", call),
      fail: (error) => {
        if (!response.headersSent) return fail(response, error, report);
        const line: WatchLine = { type: "ERROR", message: toldOf(error, report) };
        response.end(`${JSON.stringify(line)}\n`);
      },
    },
  );
  return new Promise((resolve) =>
    response.once("close", () => {
      close();
      resolve();
    }),
  );
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBodyBytes)
      throw new HttpError(413, `the body has over ${mostBodyBytes} bytes; shorten the conversation`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new HttpError(400, "the body is no JSON");
  }
}

function decoded(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    throw new HttpError(400, `${word} in the address cannot be decoded`);
  }
}

function sendJson(response: ServerResponse, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

function fail(response: ServerResponse, error: unknown, report: UiServerOptions["report"]): void {
  // Whoever asked has left, which is no error.
  if (response.destroyed) return;
  const body: ErrorAnswer = { error: { message: toldOf(error, report) } };
  // What has begun cannot become an error: the reader sees that it was cut off.
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(asHttpError(error)?.status ?? 500, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** What the viewer is told; a defect of this server is told to whoever runs it. */
function toldOf(error: unknown, report: UiServerOptions["report"]): string {
  const known = asHttpError(error);
  if (known) return known.message;
  report(error);
  return "the server failed at this; what it says on its standard error tells why";
}
