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
