import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { aList, anObject, line, until } from "../../../testing/api-server.ts";
import { interceptedCluster } from "../../../testing/intercepted-api.ts";
import { configMaps } from "../../resource.ts";

/** A watch that sends what is no event: it cannot be told what was missed, so everything is listed again. */

const path = "/api/v1/configmaps";

test.each([
  ["a line that is no JSON", "}{ not json\n"],
  ["JSON that is no event", '{"kind": "Status"}\n'],
  ["a page in the middle", "<html><body>Bad Gateway</body></html>\n"],
])("%s: listed again, reported in one sentence, the process lives", async (_, garbage) => {
  const { cluster, clock, errors, api } = interceptedCluster({ caches: [{ resource: configMaps }] });
  api
    .get(path)
    .query(({ watch }) => watch === undefined)
    .reply(200, aList(7, [anObject("a", 3)]));
  api
    .get(path)
    .query(({ watch }) => watch === "true")
    .reply(200, () => {
      const body = new PassThrough();
      body.write(line("MODIFIED", anObject("a", 9)));
      body.write(garbage);
      return body;
    });
  api
    .get(path)
    .query(({ watch }) => watch === undefined)
    .reply(200, aList(20, [anObject("a", 12)]));
  api
    .get(path)
    .query(({ watch }) => watch === "true")
    .optionally()
    .reply(200, () => new PassThrough());
  const versions: (string | undefined)[] = [];
  await cluster.watch(configMaps, {}, ({ object }) => versions.push(object.metadata.resourceVersion)).synced;
  await until(() => {
    clock.advance(500);
    return versions.includes("12");
  });
  expect(versions).toEqual(["3", "9", "12"]);
  expect(errors.map(({ message }) => message)).toEqual([
    expect.stringMatching(
      /^a watch sent ".+"; listing again$|^a watch sent ".+", which is not an event; listing again$/,
    ),
  ]);
});
