import { chmodSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { KubernetesObject, Wanted } from "../../objects.ts";
import type { Cluster, DeleteOptions, ListFilter, ListSelection, LogOptions } from "../../port.ts";
import type { Resource } from "../../resource.ts";
import { type Answer, openSocketPath, syncedLine, toWire } from "./protocol.ts";

type Any = KubernetesObject;
type Arguments = unknown[];

/** What is offered: the port, and what keeps the cluster from its work. */
type Offered = Cluster & { onTrouble(listener: (sentence: string) => void): { close(): void } };

/** Offers the cluster to other processes of the same user, on a socket that only this user may open. */
export async function serveSocket(
  cluster: Offered,
  stateDirectory: string,
): Promise<{ stop(): Promise<void> }> {
  const socket = openSocketPath(stateDirectory);
  rmSync(socket.path, { force: true }); // left by an operator that was killed: the lock says that none is living
  const server = createServer((request, response) => {
    void answer(cluster, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socket.path, resolve);
  });
  chmodSync(socket.path, 0o600);
  return {
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      socket.close();
    },
  };
}

async function answer(cluster: Offered, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const method = request.url?.slice(1) ?? "";
    const input: Arguments = JSON.parse((await request.setEncoding("utf8").toArray()).join(""));
    if (method === "watch") return watch(cluster, input, response);
    if (method === "logs") return await logs(cluster, input, response);
    if (method === "trouble") return trouble(cluster, response);
    send(response, { value: await call(cluster, method, input) });
  } catch (error) {
    send(response, { error: toWire(error) });
  }
}

function send(response: ServerResponse, answer: Answer): void {
  response.end(`${JSON.stringify(answer)}\n`);
}

async function call(cluster: Cluster, method: string, input: Arguments): Promise<unknown> {
  switch (method) {
    case "get":
      return cluster.get(...(input as [Resource<Any>, string, string]));
    case "list":
      return cluster.list(...(input as [Resource<Any>, ListSelection | undefined]));
    case "apply":
      return cluster.apply(...(input as [Resource<Any>, Wanted<Any>]));
    case "create":
      return cluster.create(...(input as [Resource<Any>, Wanted<Any>]));
    case "patchSpec":
      return cluster.patchSpec(...(input as [Resource<Any>, Any, Record<string, unknown>]));
    case "updateStatus":
      return cluster.updateStatus(...(input as [Resource<Any>, Any]));
    case "setFinalizer":
      return cluster.setFinalizer(...(input as [Resource<Any>, Any, string, boolean]));
    case "delete":
      return cluster.delete(...(input as [Resource<Any>, Any, DeleteOptions?]));
    default:
      throw new Error(`the operator's socket has no method ${method}; use the same version on both sides`);
  }
}

function watch(cluster: Cluster, input: Arguments, response: ServerResponse): void {
  const [resource, filter] = input as [Resource<Any>, ListFilter];
  const write = (line: object) => response.write(`${JSON.stringify(line)}\n`);
  const watching = cluster.watch(resource, filter, write);
  response.flushHeaders();
  response.on("close", () => watching.close());
  void watching.synced.then(() => write(syncedLine));
}

function trouble(cluster: Offered, response: ServerResponse): void {
  const listening = cluster.onTrouble((value) => response.write(`${JSON.stringify({ value })}\n`));
  response.flushHeaders();
  response.on("close", () => listening.close());
}

async function logs(cluster: Cluster, input: Arguments, response: ServerResponse): Promise<void> {
  const [namespace, pod, options] = input as [string, string, LogOptions];
  const left = new AbortController();
  response.on("close", () => left.abort());
  response.flushHeaders();
  for await (const value of cluster.logs(namespace, pod, { ...options, signal: left.signal })) {
    response.write(`${JSON.stringify({ value })}\n`);
  }
  response.end();
}
