import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { stringify } from "yaml";
import { type CacheOptions, connectKubernetes, type KubernetesOptions } from "../cluster/kubernetes/index.ts";
import type { ConfigMap, Wanted } from "../cluster/objects.ts";
import { FakeClock } from "./fake-clock.ts";

/** An HTTP server on loopback that plays an API server as a test tells it to. For tests. */

export interface ReceivedRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: IncomingMessage["headers"];
  body: unknown;
}

export type Answer = (seen: ReceivedRequest, response: ServerResponse) => void;

export class FakeApiServer {
  readonly requests: ReceivedRequest[] = [];
  /** Answers of the watches under way, in the order of their requests. */
  readonly watches: ServerResponse[] = [];
  answer: Answer;
  connections = 0;
  readonly directory = mkdtempSync(join(tmpdir(), "tanren-loopback-"));
  readonly #server: ReturnType<typeof createServer>;

  private constructor(answer: Answer, certificate?: { key: string; cert: string }) {
    this.answer = answer;
    const listener = (request: IncomingMessage, response: ServerResponse) =>
      void this.#take(request, response);
    this.#server = certificate ? createSecureServer(certificate, listener) : createServer(listener);
    this.#server.on(certificate ? "secureConnection" : "connection", () => this.connections++);
  }

  static async start(
    answer: Answer,
    certificate?: { key: string; cert: string },
    port = 0,
  ): Promise<FakeApiServer> {
    const server = new FakeApiServer(answer, certificate);
    await new Promise<void>((resolve) => server.#server.listen(port, "127.0.0.1", resolve));
    onTestFinished(async () => {
      await server.close();
      rmSync(server.directory, { recursive: true, force: true });
    });
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Path of a kubeconfig that leads here. */
  kubeconfig(options: { user?: object; cluster?: object; scheme?: "http" | "https" } = {}): string {
    const { user = {}, cluster = {}, scheme = "http" } = options;
    return writeKubeconfig(
      this.directory,
      { server: `${scheme}://127.0.0.1:${this.port}`, ...cluster },
      user,
    );
  }

  /** Ends everything at once, as a crash does. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const url = new URL(request.url ?? "/", "http://loopback");
    const seen: ReceivedRequest = {
      method: request.method ?? "",
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: request.headers,
      body: text === "" ? undefined : JSON.parse(text),
    };
    this.requests.push(seen);
    if (seen.query.watch === "true") this.watches.push(response);
    this.answer(seen, response);
  }
}

/** A kubeconfig of one context; returns its path. */
export function writeKubeconfig(directory: string, cluster: object, user: object = {}): string {
  const path = join(directory, "kubeconfig");
  const content = {
    clusters: [{ name: "loopback", cluster }],
    users: [{ name: "somebody", user }],
    contexts: [{ name: "here", context: { cluster: "loopback", user: "somebody", namespace: "team" } }],
    "current-context": "here",
  };
  writeFileSync(path, stringify(content));
  return path;
}

export const json = (
  response: ServerResponse,
  code: number,
  body: unknown,
  headers: Record<string, string> = {},
) =>
  void response.writeHead(code, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));

export const failureStatus = (code: number, reason: string, message: string, details: object = {}) => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  code,
  reason,
  message,
  details,
});

/** A ConfigMap. */
export function anObject(
  name: string,
  version: number,
  more: Partial<ConfigMap["metadata"]> = {},
): ConfigMap {
  const metadata = { name, namespace: "team", uid: `uid-${name}`, creationTimestamp: "2026-01-01T00:00:00Z" };
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { ...metadata, resourceVersion: String(version), ...more },
    data: { version: String(version) },
  };
}

/** The ConfigMap of most tests, as it is stated and as the server holds it. */
export const wanted: Wanted<ConfigMap> = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "a", namespace: "team", labels: { made: "here" } },
  data: { x: "1" },
};
export const stored = anObject("a", 5);

export const aList = (resourceVersion: number, items: object[], next?: string) => ({
  kind: "List",
  apiVersion: "v1",
  metadata: { resourceVersion: String(resourceVersion), continue: next },
  items: items.map((item) => ({ ...item, kind: undefined, apiVersion: undefined })),
});

export const line = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;

/** A connection to it whose time stands still until the test moves it. */
export function connected(
  server: Pick<FakeApiServer, "kubeconfig">,
  options: Partial<KubernetesOptions> & { caches?: CacheOptions[] } = {},
) {
  const clock = new FakeClock();
  const errors: Error[] = [];
  const cluster = connectKubernetes({
    kubeconfig: options.kubeconfig ?? { path: server.kubeconfig() },
    clock,
    monotonic: () => clock.now().getTime(),
    random: () => 0.5,
    report: (error) => errors.push(error as Error),
    ...options,
  });
  onTestFinished(() => cluster.stop());
  return { cluster, clock, errors };
}

/** Waits, in true time, until it holds. */
export async function until(holds: () => boolean, milliseconds = 5_000): Promise<void> {
  const end = Date.now() + milliseconds;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not within ${milliseconds} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
