import { expect, test } from "vitest";
import {
  aList,
  connected,
  FakeApiServer,
  failureStatus,
  json,
  stored,
  until,
  wanted,
} from "../../../testing/api-server.ts";
import { configMaps } from "../../resource.ts";
import { UnreachableError } from "../index.ts";

test("a server that asks for patience gets as much as it asks for, and not for ever", async () => {
  const server = await FakeApiServer.start((_, response) =>
    json(response, 429, failureStatus(429, "TooManyRequests", "later"), { "retry-after": "2" }),
  );
  const { cluster, clock } = connected(server);
  const refused = cluster.list(configMaps).catch((error: Error) => error.message);
  await until(() => server.requests.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 30));
  clock.advance(1_999);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(server.requests).toHaveLength(1);
  for (const tries of [2, 3, 4]) {
    await until(() => {
      clock.advance(250);
      return server.requests.length === tries;
    });
  }
  expect(await refused).toMatch("the API server answers 429: later");
  server.answer = (_, response) =>
    json(response, 503, failureStatus(503, "ServiceUnavailable", "starting"), { "retry-after": "1" });
  const served = cluster.list(configMaps);
  await until(() => {
    // What the server asked for before holds for every request.
    clock.advance(250);
    return server.requests.length === 5;
  });
  server.answer = (_, response) => json(response, 200, aList(1, []));
  await until(() => {
    clock.advance(250);
    return server.requests.length === 6;
  });
  expect(await served).toEqual([]);
});

test("a request that is not answered ends, as one to nobody does", async () => {
  const server = await FakeApiServer.start(() => {});
  const { cluster, clock } = connected(server, { writeTimeoutSeconds: 4 });
  const refused = cluster.apply(configMaps, wanted).catch((error: unknown) => error);
  await until(() => server.requests.length === 1);
  expect(server.requests[0]?.query.timeout).toBe("4s");
  clock.advance(4_000);
  const failure = await refused;
  expect(failure).toBeInstanceOf(UnreachableError);
  expect(String(failure)).toMatch(/no answer from the API server http:.* to PATCH .*: no answer within 4 s/);
  await server.close();
  await expect(cluster.list(configMaps)).rejects.toThrow(/ECONNREFUSED/);
});

test("a connection that the server closed meanwhile is no failure", async () => {
  const server = await FakeApiServer.start((_, response) => json(response, 200, aList(1, [])));
  const { cluster } = connected(server);
  await cluster.list(configMaps);
  let first = true;
  server.answer = (_, response) => {
    if (first) response.socket?.resetAndDestroy();
    else json(response, 200, aList(1, []));
    first = false;
  };
  expect(await cluster.list(configMaps)).toEqual([]);
});

test("a write that may not be is not sent, not even on its second try", async () => {
  const server = await FakeApiServer.start((_, response) =>
    json(response, 429, failureStatus(429, "TooManyRequests", "later"), { "retry-after": "1" }),
  );
  let may = false;
  const mayWrite = () => {
    if (!may) throw new Error("no leader");
  };
  const { cluster, clock } = connected(server, { mayWrite });
  await expect(cluster.apply(configMaps, wanted)).rejects.toThrow("no leader");
  await expect(cluster.delete(configMaps, stored)).rejects.toThrow("no leader");
  expect(server.requests).toEqual([]);
  may = true;
  const second = cluster.apply(configMaps, wanted).catch((error: Error) => error.message);
  await until(() => server.requests.length === 1);
  may = false;
  await new Promise((resolve) => setTimeout(resolve, 30));
  clock.advance(2_000);
  expect(await second).toBe("no leader");
  expect(server.requests).toHaveLength(1);
});

test("several kept connections that are closed are replaced too: only a new one that fails is a failure", async () => {
  const waiting: (() => void)[] = [];
  const server = await FakeApiServer.start((_, response) => {
    waiting.push(() => json(response, 200, aList(1, [])));
  });
  const { cluster } = connected(server);
  const lists = [1, 2, 3].map(() => cluster.list(configMaps));
  await until(() => waiting.length === 3);
  for (const answer of waiting) answer();
  await Promise.all(lists);
  expect(server.connections).toBe(3);
  let resets = 0;
  server.answer = (_, response) => {
    if (server.connections > 3) return json(response, 200, aList(1, []));
    resets++;
    response.socket?.resetAndDestroy();
  };
  expect(await cluster.list(configMaps)).toEqual([]);
  expect(resets).toBe(3);
  server.answer = (_, response) => void response.socket?.resetAndDestroy();
  await expect(cluster.list(configMaps)).rejects.toThrow(/no answer from the API server .*ECONNRESET/);
});
