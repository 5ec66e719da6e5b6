import { createServer, type Server } from "node:http";
import type { Metrics } from "./metrics.ts";

export interface Checks {
  /** Why the process had better be started again; undefined: it need not. */
  illness(): string | undefined;
  /** What it waits for before it can do its work; undefined: nothing. */
  wait(): string | undefined;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves /metrics, /healthz and /readyz. */
export async function serveHealth(
  metrics: Metrics,
  checks: Checks,
  /** 0 takes any free one; all addresses. */
  port: number,
): Promise<HealthServer> {
  const server = createServer(async (request, response) => {
    const answer = (problem: string | undefined) =>
      response.writeHead(problem === undefined ? 200 : 503).end(`${problem ?? "ok"}\n`);
    switch (request.url) {
      case "/metrics":
        response
          .setHeader("content-type", metrics.registry.contentType)
          .end(await metrics.registry.metrics());
        break;
      case "/healthz":
        answer(checks.illness());
        break;
      case "/readyz":
        answer(checks.wait());
        break;
      default:
        response.writeHead(404).end("not found\n");
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, resolve);
  });
  return { port: portOf(server), close: () => close(server) };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
