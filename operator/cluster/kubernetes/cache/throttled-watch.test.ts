import { PassThrough } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { aList, anObject, failureStatus, line, until } from "../../../testing/api-server.ts";
import { interceptedCluster } from "../../../testing/intercepted-api.ts";
import { configMaps } from "../../resource.ts";

/**
 * A busy API server names the time after which a watch may come back; the reflector's own backoff is shorter.
 */

const path = "/api/v1/configmaps";
const isWatch = ({ watch }: Record<string, unknown>) => watch === "true";
const busy = (retryAfterSeconds: number) =>
  failureStatus(429, "TooManyRequests", "busy", { retryAfterSeconds });

function start() {
  const { cluster, clock, errors, api } = interceptedCluster({ caches: [{ resource: configMaps }] });
  const watches: { at: number; version: string | null }[] = [];
  api.on("request", ({ url }: Request) => {
    const { searchParams } = new URL(url);
    if (!searchParams.has("watch")) return;
    watches.push({ at: clock.now().getTime(), version: searchParams.get("resourceVersion") });
  });
  api
    .get(path)
    .query(({ watch }) => watch === undefined)
    .reply(200, aList(7, []));
  const stream = () => {
    const body = new PassThrough();
    api.get(path).query(isWatch).reply(200, body);
    onTestFinished(() => void body.destroy());
    return body;
  };
  const seconds = async () => {
    await until(() => {
      clock.advance(100);
      return watches.length === 2;
    }, 15_000);
    return ((watches[1]?.at ?? 0) - (watches[0]?.at ?? 0)) / 1000;
  };
  const refuse = (wait: number) =>
    api
      .get(path)
      .query(isWatch)
      .reply(429, busy(wait), { "retry-after": String(wait) });
  return { cluster, errors, watches, stream, refuse, seconds };
}

test("a watch that is refused for a minute comes back after a minute, from where it was", async () => {
  const { cluster, errors, watches, stream, refuse, seconds } = start();
  refuse(60);
  const watch = stream();
  const names: string[] = [];
  await cluster.watch(configMaps, {}, ({ object }) => names.push(object.metadata.name)).synced;
  expect(await seconds()).toBeGreaterThanOrEqual(60);
  expect(watches[1]?.version).toBe("7");
  watch.write(line("ADDED", anObject("a", 8)));
  await until(() => names.length === 1);
  expect(errors.map(String)).toEqual([expect.stringMatching("answers 429: busy; it asks to wait 60 s")]);
});

test("so does one that the same words end in mid-stream", async () => {
  const { cluster, watches, stream, seconds } = start();
  const first = stream();
  stream();
  const names: string[] = [];
  await cluster.watch(configMaps, {}, ({ object }) => names.push(object.metadata.name)).synced;
  await until(() => watches.length === 1);
  first.end(line("ADDED", anObject("a", 8)) + line("ERROR", busy(45)));
  await until(() => names.length === 1);
  expect(await seconds()).toBeGreaterThanOrEqual(45);
  expect(watches[1]?.version).toBe("8");
});

test("an hour is not waited for: a process that does nothing for so long looks dead", async () => {
  const { cluster, stream, refuse, seconds } = start();
  refuse(3_600);
  stream();
  await cluster.watch(configMaps, {}, () => {}).synced;
  const waited = await seconds();
  expect(waited).toBeGreaterThanOrEqual(120);
  expect(waited).toBeLessThan(300);
});
