import { expect, test } from "vitest";
import { aList, wanted } from "../../../testing/api-server.ts";
import { apiAddress, configMapsPath, interceptedCluster } from "../../../testing/intercepted-api.ts";
import { configMaps } from "../../resource.ts";
import { NotApiServerError } from "./errors.ts";

/**
 * Something else answers at the API server's address: the error names it in one sentence, and prints no page.
 */

const page = `<!DOCTYPE html><html><head><title>Sign in to Example Corp</title></head><body>${"x".repeat(50_000)}</body></html>`;
const html = { "content-type": "text/html; charset=utf-8" };
const list = { namespace: "team" };

test.each([
  ["a login page with status 200", 200, page, html],
  ["a gateway's page with status 502", 502, page, html],
  ["a page that calls itself JSON", 200, page, { "content-type": "application/json" }],
])("%s is named by its title", async (_, code, body, headers) => {
  const { cluster, api } = interceptedCluster();
  api.get(configMapsPath).reply(code, body, headers);
  const error = (await cluster.list(configMaps, list).catch((problem: unknown) => problem)) as Error;
  expect(error).toBeInstanceOf(NotApiServerError);
  expect(error.message).toContain(
    `${apiAddress} answered GET ${configMapsPath} with "Sign in to Example Corp"`,
  );
  expect(error.message).toMatch(/check the server's address in the kubeconfig/);
  expect(error.message.length).toBeLessThan(400);
});

test("a redirect is named by where it leads, and not followed with the token", async () => {
  const { cluster, api } = interceptedCluster();
  api.get(configMapsPath).reply(302, "", { location: "https://login.example/?from=api" });
  await expect(cluster.list(configMaps, list)).rejects.toThrow(/a redirect to https:\/\/login\.example/);
});

test("a write that a proxy answers is an error, not a success", async () => {
  const { cluster, api } = interceptedCluster();
  api.get(`${configMapsPath}/a`).optionally().reply(200, page, html);
  api.patch(`${configMapsPath}/a`).query(true).optionally().reply(200, page, html);
  await expect(cluster.apply(configMaps, wanted)).rejects.toBeInstanceOf(NotApiServerError);
});

test("a gateway that is only starting is waited for when it says so", async () => {
  const { cluster, clock, api } = interceptedCluster();
  api.get(configMapsPath).reply(503, page, { ...html, "retry-after": "1" });
  api.get(configMapsPath).reply(200, aList(1, []));
  const listed = cluster.list(configMaps, list);
  const moving = setInterval(() => clock.advance(500), 5);
  try {
    expect(await listed).toEqual([]);
  } finally {
    clearInterval(moving);
  }
});
