import { expect, test } from "vitest";
import { aList, anObject, connected, FakeApiServer, json, line, until } from "../../../testing/api-server.ts";
import { configMaps } from "../../resource.ts";

/**
 * A connection whose other end is gone without a word, as after a node's network was cut. A server on
 * loopback that falls silent plays it: nock ends its bodies, and nothing else tells silence from an idle
 * watch than time.
 */

test("a watch that is silent for too long is opened again from where it was, and no change is lost", async () => {
  const server = await FakeApiServer.start((seen, response) => {
    if (seen.query.watch !== "true") json(response, 200, aList(7, [anObject("a", 3)]));
    else {
      response.writeHead(200).flushHeaders();
      if (server.watches.length === 1) response.write(line("MODIFIED", anObject("a", 9)));
      else if (server.watches.length === 2) response.write(line("MODIFIED", anObject("a", 11)));
    }
  });
  const { cluster, clock } = connected(server, { caches: [{ resource: configMaps }] });
  const versions: (string | undefined)[] = [];
  await cluster.watch(configMaps, {}, ({ object }) => versions.push(object.metadata.resourceVersion)).synced;
  await until(() => versions.includes("9"));
  await until(() => {
    clock.advance(10_000);
    return server.watches.length === 2;
  });
  await until(() => versions.includes("11"));
  expect(
    server.requests.filter(({ query }) => query.watch === "true").map(({ query }) => query.resourceVersion),
  ).toEqual(["7", "9"]);
  expect(versions).toEqual(["3", "9", "11"]);
});

test("a watch that never sends anything, as behind a proxy that buffers, hides no change: a list shows it", async () => {
  const known = { version: 7, objects: [anObject("a", 3)] };
  const server = await FakeApiServer.start((seen, response) => {
    if (seen.query.watch === "true") response.writeHead(200).flushHeaders();
    else json(response, 200, aList(known.version, known.objects));
  });
  const { cluster, clock, errors } = connected(server, { caches: [{ resource: configMaps }] });
  const versions: string[] = [];
  await cluster.watch(configMaps, {}, ({ object }) => versions.push(object.metadata.resourceVersion)).synced;
  await until(() => server.watches.length === 1);
  Object.assign(known, { version: 20, objects: [anObject("a", 15)] });
  await until(() => {
    clock.advance(5_000);
    return server.watches.length === 2;
  });
  expect(versions).toEqual(["3", "15"]);
  expect(String(errors[0])).toMatch("the watch of configmaps was silent for 75 s; listing again");
});
