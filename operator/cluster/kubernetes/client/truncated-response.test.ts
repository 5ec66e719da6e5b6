import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import {
  aList,
  anObject,
  connected,
  FakeApiServer,
  json,
  until,
  wanted,
} from "../../../testing/api-server.ts";
import { configMaps } from "../../resource.ts";
import { CutOffError } from "./errors.ts";

/**
 * A response that ends before its body does. Only a real socket can break off within a body, so a server on
 * loopback plays the API server here.
 */

function cutOff(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
  response.write('{"kind": "ConfigMapList", "items": [', () => response.socket?.destroy());
}

test("a read is sent again, and succeeds when the next response is whole", async () => {
  const server = await FakeApiServer.start((_, response) =>
    server.requests.length === 1 ? cutOff(response) : json(response, 200, aList(1, [anObject("a", 1)])),
  );
  const { cluster, clock } = connected(server);
  const listed = cluster.list(configMaps);
  await until(() => {
    clock.advance(500);
    return server.requests.length === 2;
  });
  expect((await listed).map(({ metadata }) => metadata.name)).toEqual(["a"]);
});

test("a read that is cut off every time says so, with the bytes that came", async () => {
  const server = await FakeApiServer.start((_, response) => cutOff(response));
  const { cluster, clock } = connected(server);
  const refused = cluster.list(configMaps).catch((error: unknown) => error);
  await until(() => {
    clock.advance(500);
    return server.requests.length === 4;
  });
  const error = await refused;
  expect(error).toBeInstanceOf(CutOffError);
  expect(String(error)).toMatch(/was cut off after 36 bytes/);
});

test("a write is not sent again: whether it took effect is not known", async () => {
  const server = await FakeApiServer.start((_, response) => cutOff(response));
  const { cluster } = connected(server);
  await expect(cluster.apply(configMaps, wanted)).rejects.toThrow(/whether it took effect is not known/);
  expect(server.requests.filter(({ method }) => method === "PATCH")).toHaveLength(1);
});

test("a chunk that ends early is no end of the body", async () => {
  const server = await FakeApiServer.start((_, response) => {
    if (server.requests.length > 1) return json(response, 200, aList(1, [anObject("a", 1)]));
    response.socket?.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\nff\r\n{"ki');
  });
  const { cluster, clock } = connected(server);
  const listed = cluster.list(configMaps);
  await until(() => {
    clock.advance(500);
    return server.requests.length === 2;
  });
  expect(await listed).toHaveLength(1);
});

test("a refusal that is cut off refuses nothing: not even its status is believed", async () => {
  const server = await FakeApiServer.start((_, response) => {
    if (server.requests.length > 1) return json(response, 200, anObject("a", 5));
    response.writeHead(404, { "content-type": "application/json", "content-length": "1000" });
    response.write('{"kind": "Status", ', () => response.socket?.destroy());
  });
  const { cluster, clock } = connected(server);
  const got = cluster.get(configMaps, "team", "a");
  await until(() => {
    clock.advance(500);
    return server.requests.length === 2;
  });
  expect(await got).toEqual(anObject("a", 5));
});

test("a log that is cut off gives what came and then says so", async () => {
  const pod = { ...anObject("p", 5), kind: "Pod", spec: { containers: [{ name: "kernel" }] } };
  const server = await FakeApiServer.start(({ path }, response) =>
    path.endsWith("/log") ? cutOff(response) : json(response, 200, pod),
  );
  const { cluster } = connected(server);
  const pieces: string[] = [];
  const read = async () => {
    for await (const piece of cluster.logs("team", "p", { follow: true })) pieces.push(piece);
  };
  await expect(read()).rejects.toThrow("the log of Pod team/p was cut off");
  expect(pieces.join("")).toHaveLength(36);
});
