import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import {
  aList,
  anObject,
  connected,
  FakeApiServer,
  failureStatus,
  json,
  line,
  type ReceivedRequest,
  until,
} from "../../../testing/api-server.ts";
import type { ConfigMap } from "../../objects.ts";
import type { WatchEvent } from "../../port.ts";
import { configMaps } from "../../resource.ts";

const caches = [{ resource: configMaps }];

/** A server that lists what it has, and leaves watches open for the test to write to. */
function listing(state: { version: number; objects: object[] }) {
  return (seen: ReceivedRequest, response: ServerResponse) => {
    if (seen.query.watch === "true") response.writeHead(200).flushHeaders();
    else json(response, 200, aList(state.version, state.objects));
  };
}

function recorder() {
  const events: string[] = [];
  const onEvent = ({ type, object }: WatchEvent<ConfigMap>) =>
    events.push(`${type} ${object.metadata.name} ${object.metadata.resourceVersion}`);
  return { events, onEvent };
}

const isList = (seen: ReceivedRequest) => seen.query.watch === undefined;

test("lists page by page, then watches from the list's version with bookmarks and a timeout of its own", async () => {
  const server = await FakeApiServer.start((seen, response) => {
    if (seen.query.watch === "true") response.writeHead(200).flushHeaders();
    else if (seen.query.continue === undefined) json(response, 200, aList(7, [anObject("a", 3)], "rest"));
    else json(response, 200, aList(7, [anObject("b", 5)]));
  });
  const { cluster } = connected(server, { caches: [{ resource: configMaps, labels: { made: "here" } }] });
  await cluster.watch(configMaps, { labels: { made: "here" } }, () => {}).synced;
  await until(() => server.watches.length === 1);
  expect(server.requests.map(({ query }) => query)).toEqual([
    { labelSelector: "made=here", limit: "500" },
    { labelSelector: "made=here", limit: "500", continue: "rest" },
    {
      labelSelector: "made=here",
      watch: "true",
      resourceVersion: "7",
      allowWatchBookmarks: "true",
      timeoutSeconds: "450",
    },
  ]);
});

test("tells every change once and in order, to a watcher that comes late as additions first", async () => {
  const server = await FakeApiServer.start(listing({ version: 7, objects: [anObject("a", 3)] }));
  const { cluster } = connected(server, { caches });
  const { events, onEvent } = recorder();
  await cluster.watch(configMaps, {}, onEvent).synced;
  await until(() => server.watches.length === 1);
  server.watches[0]?.write(line("MODIFIED", anObject("a", 8)) + line("ADDED", anObject("b", 9)));
  server.watches[0]?.write(line("DELETED", anObject("a", 10)) + line("MODIFIED", anObject("b", 11)));
  await until(() => events.length === 5);
  expect(events).toEqual(["ADDED a 3", "MODIFIED a 8", "ADDED b 9", "DELETED a 10", "MODIFIED b 11"]);
  const late = recorder();
  await cluster.watch(configMaps, { namespace: "team" }, late.onEvent).synced;
  expect(late.events).toEqual(["ADDED b 11"]);
  expect(server.watches).toHaveLength(1);
  expect((await cluster.list(configMaps)).map(({ kind, metadata }) => [kind, metadata.name])).toEqual([
    ["ConfigMap", "b"],
  ]);
  expect(server.requests, "reads cost no request").toHaveLength(2);
});

const state = () => ({
  version: 7,
  objects: [anObject("gone", 3), anObject("same", 4), anObject("changed", 5)],
});
const later = { version: 20, objects: [anObject("same", 4), anObject("changed", 15), anObject("new", 16)] };

test.each([
  [
    "in the stream",
    (watch: ServerResponse) => void watch.end(line("ERROR", failureStatus(410, "Expired", "too old"))),
  ],
  ["as a garbled line", (watch: ServerResponse) => void watch.write("{half\n")],
])(
  "a version that is of no use any more, %s, leads to a list that tells the difference",
  async (_, spoil) => {
    const known = state();
    const server = await FakeApiServer.start(listing(known));
    const { cluster, clock } = connected(server, { caches });
    const { events, onEvent } = recorder();
    await cluster.watch(configMaps, {}, onEvent).synced;
    await until(() => server.watches.length === 1);
    events.length = 0;
    Object.assign(known, later);
    spoil(server.watches[0] as ServerResponse);
    await until(() => {
      clock.advance(1_000);
      return server.watches.length === 2;
    });
    expect(events).toEqual(["DELETED gone 3", "MODIFIED changed 15", "ADDED new 16"]);
    expect(server.requests.at(-1)?.query.resourceVersion).toBe("20");
  },
);

test("410 as the status of a watch leads to a list", async () => {
  const known = state();
  let refuse = true;
  const server = await FakeApiServer.start((seen, response) => {
    if (isList(seen) || !refuse) listing(known)(seen, response);
    else json(response, 410, failureStatus(410, "Expired", "too old"));
  });
  const { cluster, clock, errors } = connected(server, { caches });
  await cluster.watch(configMaps, {}, () => {}).synced;
  await until(() => server.watches.length === 1);
  refuse = false;
  await until(() => {
    clock.advance(500);
    return server.watches.length === 2;
  });
  expect(server.requests.filter(isList)).toHaveLength(2);
  expect(errors, "an expired version is the normal course of things").toEqual([]);
});

test("a list whose later pages have expired is asked for as a whole", async () => {
  const server = await FakeApiServer.start((seen, response) => {
    if (seen.query.watch === "true") response.writeHead(200).flushHeaders();
    else if (seen.query.continue)
      json(response, 410, failureStatus(410, "Expired", "The provided continue parameter is too old"));
    else json(response, 200, aList(9, [anObject("a", 3)], seen.query.limit && "rest"));
  });
  const { cluster } = connected(server, { caches });
  const { events, onEvent } = recorder();
  await cluster.watch(configMaps, {}, onEvent).synced;
  expect(events).toEqual(["ADDED a 3"]);
  expect(server.requests.filter(isList).map(({ query }) => query.limit)).toEqual(["500", "500", undefined]);
});

test("a watch that is cut in the middle of a line goes on from what was told before", async () => {
  const server = await FakeApiServer.start(listing({ version: 7, objects: [] }));
  const { cluster, clock } = connected(server, { caches });
  const { events, onEvent } = recorder();
  await cluster.watch(configMaps, {}, onEvent).synced;
  await until(() => server.watches.length === 1);
  server.watches[0]?.write(line("ADDED", anObject("a", 8)) + line("ADDED", anObject("b", 9)).slice(0, 30));
  await until(() => events.length === 1);
  server.watches[0]?.destroy();
  await until(() => {
    clock.advance(500);
    return server.watches.length === 2;
  });
  expect(server.requests.at(-1)?.query.resourceVersion).toBe("8");
  server.watches[1]?.write(line("ADDED", anObject("b", 9)));
  await until(() => events.length === 2);
  expect(events).toEqual(["ADDED a 8", "ADDED b 9"]);
  expect(server.requests.filter(isList)).toHaveLength(1);
});

test("a watch that falls silent, as a half-open connection does, is opened anew from the last bookmark", async () => {
  const server = await FakeApiServer.start(listing({ version: 7, objects: [] }));
  const { cluster, clock } = connected(server, { caches });
  await cluster.watch(configMaps, {}, () => {}).synced;
  await until(() => server.watches.length === 1);
  const bookmark = async (version: string) => {
    server.watches[0]?.write(line("BOOKMARK", { metadata: { resourceVersion: version } }));
    await until(() => cluster.health()[0]?.secondsSinceContact === 0);
  };
  clock.advance(1_000);
  await bookmark("20");
  clock.advance(70_000);
  expect(cluster.health()[0]?.secondsSinceContact).toBe(70);
  await bookmark("30");
  clock.advance(70_000);
  expect(server.watches, "a bookmark within 75 s is a sign of life").toHaveLength(1);
  await until(() => {
    clock.advance(5_000);
    return server.watches.length === 2;
  });
  expect(server.requests.at(-1)?.query.resourceVersion).toBe("30");
});

test("watches that end at once, and a server that is away, are not stormed", async () => {
  const server = await FakeApiServer.start((seen, response) => {
    if (isList(seen)) json(response, 200, aList(7, []));
    else response.writeHead(200).end();
  });
  const { cluster, clock } = connected(server, { caches });
  await cluster.watch(configMaps, {}, () => {}).synced;
  const minute = async () => {
    const before = server.requests.length;
    for (let second = 0; second < 60; second++) {
      clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return server.requests.length - before;
  };
  expect(await minute()).toBeLessThan(12);
  server.answer = (_, response) => void response.destroy();
  expect(await minute()).toBeLessThan(8);
  expect(cluster.health()[0]?.failures).toBeGreaterThan(1);
  server.answer = listing({ version: 50, objects: [anObject("a", 40)] });
  // The watch is open again within the longest backoff.
  clock.advance(20_000);
  await until(() => server.watches.at(-1)?.headersSent === true);
});

test("a watch without a cache fails where its first list does, and the next try begins anew", async () => {
  let refuse = true;
  const server = await FakeApiServer.start((seen, response) => {
    if (refuse)
      json(response, 403, failureStatus(403, "Forbidden", 'User "x" cannot list resource "configmaps"'));
    else listing({ version: 7, objects: [anObject("a", 3)] })(seen, response);
  });
  const { cluster, errors } = connected(server);
  await expect(cluster.watch(configMaps, { namespace: "team" }, () => {}).synced).rejects.toThrow(
    'not allowed to list configmaps in namespace team; grant the verb list on configmaps of API group ""',
  );
  refuse = false;
  const { events, onEvent } = recorder();
  const watch = cluster.watch(configMaps, { namespace: "team" }, onEvent);
  await watch.synced;
  expect(events).toEqual(["ADDED a 3"]);
  expect(errors).toEqual([]);
  watch.close();
  expect(cluster.health()).toEqual([]);
});

test("a handler that throws hurts neither the watch nor the other watchers", async () => {
  const server = await FakeApiServer.start(listing({ version: 7, objects: [anObject("a", 3)] }));
  const { cluster, errors } = connected(server, { caches });
  cluster.watch(configMaps, {}, () => {
    throw new Error("a bug in a handler");
  });
  const { events, onEvent } = recorder();
  await cluster.watch(configMaps, {}, onEvent).synced;
  expect(events).toEqual(["ADDED a 3"]);
  expect(errors).toEqual([new Error("a bug in a handler")]);
});
