import { expect, test } from "vitest";
import { aList, anObject, failureStatus, until } from "../../../testing/api-server.ts";
import { configMapsPath, interceptedCluster } from "../../../testing/intercepted-api.ts";
import { configMaps } from "../../resource.ts";
import { ThrottledError } from "./errors.ts";

/**
 * 429 and 503 with Retry-After: the client waits as long as it is asked to, and no longer than makes sense.
 */

const later = failureStatus(429, "TooManyRequests", "too many requests");
const list = { namespace: "team" };

/** Lets the time pass, a second at a look, until the promise has settled; returns the seconds. */
async function secondsUntilSettled(
  clock: { advance(milliseconds: number): void },
  promise: Promise<unknown>,
) {
  let settled = false;
  const end = () => {
    settled = true;
  };
  promise.then(end, end);
  let seconds = 0;
  await until(() => {
    if (!settled) {
      clock.advance(1_000);
      seconds++;
    }
    return settled;
  });
  return seconds;
}

test("the seconds of Retry-After pass before the request is sent again", async () => {
  const { cluster, clock, api } = interceptedCluster();
  api.get(configMapsPath).reply(429, later, { "retry-after": "7" });
  const again = api.get(configMapsPath).reply(200, aList(1, [anObject("a", 1)]));
  const listed = cluster.list(configMaps, list);
  await until(() => api.pendingMocks().length === 1);
  clock.advance(6_900);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(again.isDone()).toBe(false);
  await secondsUntilSettled(clock, listed);
  expect((await listed).map(({ metadata }) => metadata.name)).toEqual(["a"]);
});

test("Retry-After as a date is read against the server's own clock", async () => {
  const { cluster, clock, api } = interceptedCluster();
  const headers = { date: "Thu, 26 Nov 2026 10:00:00 GMT", "retry-after": "Thu, 26 Nov 2026 10:00:05 GMT" };
  api.get(configMapsPath).reply(503, failureStatus(503, "ServiceUnavailable", "starting"), headers);
  api.get(configMapsPath).reply(200, aList(1, []));
  const listed = cluster.list(configMaps, list);
  expect(await secondsUntilSettled(clock, listed)).toBeGreaterThanOrEqual(5);
  expect(await listed).toEqual([]);
});

test("a server that wants more than half a minute is not waited for: the caller hears how long", async () => {
  const { cluster, api } = interceptedCluster();
  api.get(configMapsPath).reply(429, later, { "retry-after": "600" });
  const error = await cluster.list(configMaps, list).catch((problem: unknown) => problem);
  expect(error).toBeInstanceOf(ThrottledError);
  expect(String(error)).toMatch(/the API server answers 429: too many requests; it asks to wait 600 s/);
});

test("a server that never stops asking for patience is given up on", async () => {
  const { cluster, clock, api } = interceptedCluster();
  api.get(configMapsPath).times(4).reply(429, later, { "retry-after": "1" });
  const error = cluster.list(configMaps, list).catch((problem: unknown) => problem);
  await secondsUntilSettled(clock, error);
  expect(await error).toBeInstanceOf(ThrottledError);
  expect(api.isDone()).toBe(true);
});
