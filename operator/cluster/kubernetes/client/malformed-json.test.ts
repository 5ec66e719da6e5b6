import { expect, test } from "vitest";
import { wanted } from "../../../testing/api-server.ts";
import { configMapsPath, interceptedCluster } from "../../../testing/intercepted-api.ts";
import { configMaps } from "../../resource.ts";
import { NotApiServerError } from "./errors.ts";

/**
 * A whole response that is no JSON: one sentence that quotes its beginning; neither a crash nor an empty
 * list.
 */

const json = { "content-type": "application/json" };

test.each([
  ["nothing", ""],
  ["half an object", '{"kind": "ConfigMapList", "items": ['],
  ["bytes of something else", "\u0000\u0001\u0002 gRPC"],
])("a list that is %s is refused", async (_, body) => {
  const { cluster, api } = interceptedCluster();
  api.get(configMapsPath).reply(200, body, json);
  const error = (await cluster
    .list(configMaps, { namespace: "team" })
    .catch((problem: unknown) => problem)) as Error;
  expect(error).toBeInstanceOf(NotApiServerError);
  expect(error.message).toContain("which is not the API server's JSON");
  expect(error.message).not.toMatch(/\p{Cc}/u);
});

test("an error whose body is no Status still says code and text", async () => {
  const { cluster, api } = interceptedCluster();
  api.get(configMapsPath).reply(500, "stream error: INTERNAL_ERROR\n", { "content-type": "text/plain" });
  await expect(cluster.list(configMaps, { namespace: "team" })).rejects.toThrow(
    /the API server answers 500: stream error: INTERNAL_ERROR/,
  );
});

test("a write whose response cannot be read is an error", async () => {
  const { cluster, api } = interceptedCluster();
  api.get(`${configMapsPath}/a`).optionally().reply(404, "");
  api.patch(`${configMapsPath}/a`).query(true).reply(200, "{", json);
  await expect(cluster.apply(configMaps, wanted)).rejects.toBeInstanceOf(NotApiServerError);
});
