import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { aList, anObject, failureStatus, line, until } from "../../../testing/api-server.ts";
import { interceptedCluster } from "../../../testing/intercepted-api.ts";
import { configMaps } from "../../resource.ts";

/**
 * 410 Gone: the version a watch asks for is no longer kept. A new list fills the gap, and no change is lost.
 */

const path = "/api/v1/configmaps";
const isWatch = (query: { watch?: string }) => query.watch === "true";
const isList = (query: { watch?: string }) => query.watch === undefined;

async function following(
  second: object[],
  answers: (api: ReturnType<typeof interceptedCluster>["api"]) => void,
) {
  const { cluster, clock, errors, api } = interceptedCluster({ caches: [{ resource: configMaps }] });
  api
    .get(path)
    .query(isList)
    .reply(200, aList(7, [anObject("a", 3), anObject("b", 4)]));
  answers(api);
  api.get(path).query(isList).reply(200, aList(20, second));
  api
    .get(path)
    .query(isWatch)
    .optionally()
    .reply(200, () => new PassThrough());
  const events: string[] = [];
  const watch = cluster.watch(configMaps, {}, ({ type, object }) =>
    events.push(`${type} ${object.metadata.name}`),
  );
  await watch.synced;
  return { clock, errors, events };
}

const gone = failureStatus(410, "Expired", "too old resource version: 7 (20)");

test("in mid-stream: what came before it counts, what was missed is in the new list", async () => {
  const { clock, errors, events } = await following([anObject("a", 12), anObject("c", 15)], (api) => {
    api
      .get(path)
      .query(isWatch)
      .reply(200, () => {
        const body = new PassThrough();
        body.write(line("MODIFIED", anObject("a", 9)));
        body.end(line("ERROR", gone));
        return body;
      });
  });
  await until(() => {
    clock.advance(500);
    return events.includes("DELETED b");
  });
  expect(events.slice(0, 3)).toEqual(["ADDED a", "ADDED b", "MODIFIED a"]);
  expect(events.slice(3).toSorted()).toEqual(["ADDED c", "DELETED b", "MODIFIED a"]);
  // An expired version is how the protocol works: nobody is told of it as a failure.
  expect(errors).toEqual([]);
});

test("as the status of the watch itself", async () => {
  const { clock, events, errors } = await following([anObject("a", 3)], (api) => {
    api.get(path).query(isWatch).reply(410, gone);
  });
  await until(() => {
    clock.advance(500);
    return events.includes("DELETED b");
  });
  expect(errors).toEqual([]);
});
