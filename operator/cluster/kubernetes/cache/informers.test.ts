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
import { configMaps, pods } from "../../resource.ts";

test("what was written is read from the cache before the watch tells it, and what was deleted is not", async () => {
  const written = anObject("a", 8, { labels: { made: "here" } });
  const server = await FakeApiServer.start(({ method, query }, response) => {
    if (query.watch) response.writeHead(200).flushHeaders();
    else if (method === "GET") json(response, 200, aList(5, []));
    else if (method === "DELETE") json(response, 200, { kind: "Status", status: "Success" });
    else json(response, 200, written);
  });
  const { cluster } = connected(server, { caches: [{ resource: configMaps }, { resource: pods }] });
  const events: string[] = [];
  await cluster.watch(configMaps, {}, ({ type }) => events.push(type)).synced;
  await cluster.apply(configMaps, wanted);
  expect((await cluster.get(configMaps, "team", "a"))?.metadata.resourceVersion).toBe("8");
  await cluster.delete(configMaps, written);
  expect(await cluster.get(configMaps, "team", "a")).toBeUndefined();
  expect(events).toEqual(["ADDED", "DELETED"]);
});

test("a cache of some objects serves who asks for a part of them; for the rest the server is asked", async () => {
  const ours = anObject("ours", 3, { labels: { made: "here", owner: "x" } });
  const theirs = anObject("theirs", 4);
  const server = await FakeApiServer.start(({ path, query }, response) => {
    if (query.watch) response.writeHead(200).flushHeaders();
    else if (path.endsWith("/theirs")) json(response, 200, theirs);
    else json(response, 200, aList(5, query.labelSelector ? [ours] : [ours, theirs]));
  });
  const cache = { resource: configMaps, labels: { made: "here" }, impliedBy: ["owner"], indexedBy: "owner" };
  const { cluster } = connected(server, { caches: [cache] });
  await cluster.watch(configMaps, { labels: { owner: "x" } }, () => {}).synced;
  await until(() => server.watches.length === 1);
  server.requests.length = 0;
  expect(await cluster.list(configMaps, { namespace: "team", labels: { owner: "x" } })).toEqual([ours]);
  expect(await cluster.list(configMaps, { labels: { made: "here" } })).toEqual([ours]);
  expect(await cluster.get(configMaps, "team", "ours")).toEqual(ours);
  expect(server.requests).toEqual([]);
  expect(await cluster.get(configMaps, "team", "theirs")).toEqual(theirs);
  expect(await cluster.list(configMaps, { namespace: "team" })).toEqual([ours, theirs]);
  expect(server.requests).toHaveLength(2);
});

test("an outage while the first list is under way is waited out; a server that never answered ends the watch", async () => {
  let away = true;
  const server = await FakeApiServer.start(({ path, query }, response) => {
    if (away && path.endsWith("/pods")) response.destroy();
    else if (query.watch) response.writeHead(200).flushHeaders();
    else json(response, 200, aList(5, []));
  });
  const { cluster, clock } = connected(server);
  await expect(cluster.watch(pods, {}, () => {}).synced).rejects.toThrow("no answer from the API server");
  await cluster.list(configMaps);
  const watch = cluster.watch(pods, {}, () => {});
  await until(() => server.requests.filter(({ path }) => path.endsWith("/pods")).length >= 2);
  away = false;
  const advancing = setInterval(() => clock.advance(500), 5);
  await watch.synced;
  clearInterval(advancing);
});
