import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { aList, anObject, connected, FakeApiServer, until } from "../../../testing/api-server.ts";
import { FakeClock } from "../../../testing/fake-clock.ts";
import { apiAddress, configMapsPath, interceptedCluster } from "../../../testing/intercepted-api.ts";
import { configMaps } from "../../resource.ts";
import { UnreachableError } from "./errors.ts";

/**
 * The connection stands and little comes, as behind a proxy whose API server hangs. nock holds back bodies;
 * headers that never come need a socket, so there a server on loopback keeps silent.
 */

class CountingClock extends FakeClock {
  timers = 0;

  override after(milliseconds: number, action: () => void) {
    this.timers++;
    return super.after(milliseconds, action);
  }
}

const start = Date.parse("2026-01-01T00:00:00Z");

test("a request whose headers do not come in time ends with who was asked for what", async () => {
  const server = await FakeApiServer.start(() => {});
  const { cluster, clock } = connected(server);
  const refused = cluster.list(configMaps, { namespace: "team" }).catch((error: unknown) => error);
  await until(() => server.requests.length === 1);
  clock.advance(30_000);
  const error = await refused;
  expect(error).toBeInstanceOf(UnreachableError);
  expect(String(error)).toMatch(/no answer from the API server http:\S+ to GET \S+: no answer within 30 s/);
});

test("a body that does not follow its headers ends the request too", async () => {
  const { cluster, clock, api } = interceptedCluster();
  api.get(configMapsPath).delay(60_000).reply(200, aList(1, []));
  const refused = cluster.list(configMaps, { namespace: "team" }).catch((error: unknown) => error);
  await until(() => {
    clock.advance(1_000);
    return clock.now().getTime() - start >= 31_000;
  });
  const error = await refused;
  expect(error).toBeInstanceOf(UnreachableError);
  expect(String(error)).toContain(
    `${apiAddress} to GET ${configMapsPath} stopped: nothing more came for 30 s`,
  );
});

test("what comes late but in time is no failure", async () => {
  const { cluster, api } = interceptedCluster();
  api.get(configMapsPath).delay(50).reply(200, aList(1, []));
  expect(await cluster.list(configMaps, { namespace: "team" })).toEqual([]);
});

test("a body that keeps coming is read to its end, however long that takes in all", async () => {
  const text = JSON.stringify(aList(9, [anObject("a", 5)]));
  let response: ServerResponse | undefined;
  const server = await FakeApiServer.start((_, answer) => {
    response = answer;
    answer.writeHead(200, { "content-type": "application/json" }).flushHeaders();
  });
  const clock = new CountingClock();
  let hasHeaders = false;
  const answered = () => {
    hasHeaders = true;
  };
  const { cluster } = connected(server, { clock, answered });
  const listed = cluster.list(configMaps);
  await until(() => hasHeaders);
  const step = Math.ceil(text.length / 5);
  for (let start = 0; start < text.length; start += step) {
    const { timers } = clock;
    response?.write(text.slice(start, start + step));
    await until(() => clock.timers > timers); // the piece has arrived
    clock.advance(20_000);
  }
  response?.end();
  expect(await listed).toEqual([anObject("a", 5)]);
});
