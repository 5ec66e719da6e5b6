import { expect, test } from "vitest";
import {
  anObject,
  connected,
  FakeApiServer,
  failureStatus,
  json,
  until,
} from "../../../testing/api-server.ts";
import { FakeClock } from "../../../testing/fake-clock.ts";
import { configMaps } from "../../resource.ts";
import { initialLimit } from "./call-limit.ts";
import { type CallEnd, CallsInFlight } from "./calls-in-flight.ts";

const well: CallEnd = { refused: false, isList: false };
const refused: CallEnd = { refused: true, retryAfterSeconds: 3, isList: false };
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A gate, and the calls that went through it and have not ended. */
function aGate() {
  const clock = new FakeClock();
  const calls = new CallsInFlight(clock, () => clock.now().getTime());
  const begun: { name: string; end: (end: CallEnd) => void }[] = [];
  const call = async (name: string, signal?: AbortSignal) => {
    const [namespace = ""] = name.split("/");
    begun.push({ name, end: await calls.enter(namespace, signal) });
  };
  const burst = (count: number) => {
    for (let index = 0; index < count; index++) void call(`burst/${index}`);
    return settled();
  };
  const end = async (how: CallEnd) => {
    begun.shift()?.end(how);
    await settled();
  };
  return { clock, calls, begun, call, burst, end };
}

test("no more calls begin than the limit says; fast answers make room for more", async () => {
  const { calls, burst, end } = aGate();
  await burst(40);
  expect(calls.health()).toEqual({ inFlight: initialLimit.calls, limit: initialLimit.calls, waiting: 32 });
  await end(well);
  expect(calls.health()).toEqual({ inFlight: 9, limit: 9, waiting: 30 });
});

test("slow answers mean fewer calls; a slow list tells nothing", async () => {
  const { clock, calls, burst, end } = aGate();
  await burst(40);
  clock.advance(1_500);
  await end({ ...well, isList: true });
  expect(calls.health().limit).toBe(initialLimit.calls);
  await end(well);
  expect(calls.health().limit).toBeLessThan(initialLimit.calls);
});

test("what the server refuses halves the limit, and no call begins before the time it named", async () => {
  const { clock, calls, begun, burst, end } = aGate();
  await burst(40);
  await end(refused);
  while (begun.length > 0) await end(well);
  expect(calls.health()).toMatchObject({ inFlight: 0, waiting: 32 });
  clock.advance(2_999);
  await settled();
  expect(begun).toEqual([]);
  clock.advance(1);
  await settled();
  expect(begun).toHaveLength(initialLimit.calls / 2);
});

test("another namespace's call goes next, however long the line of one is", async () => {
  const { begun, call, burst, end } = aGate();
  await burst(1_000);
  void call("other/scale");
  await end(well);
  await end(well);
  expect(begun.map(({ name }) => name)).toContain("other/scale");
});

test("a call that is aborted while it waits takes nobody's place", async () => {
  const { calls, begun, call, burst, end } = aGate();
  await burst(initialLimit.calls);
  const abort = new AbortController();
  const waiting = call("other/a", abort.signal);
  await settled();
  abort.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await expect(call("other/b", abort.signal)).rejects.toThrow("enough");
  expect(calls.health().waiting).toBe(0);
  while (begun.length > 0) await end(well);
  expect(calls.health().inFlight).toBe(0);
});

test("a cluster's calls pass the gate, each until its body is read or refused; its watches do not", async () => {
  const server = await FakeApiServer.start(({ path }, response) => {
    if (path.endsWith("/absent"))
      json(response, 404, failureStatus(404, "NotFound", "no", { name: "absent" }));
    else json(response, 200, anObject(path.split("/").at(-1) ?? "", 1));
  });
  const { cluster } = connected(server);
  const watch = cluster.watch(configMaps, { namespace: "team" }, () => {});
  watch.synced.catch(() => {});
  const names = Array.from({ length: 30 }, (_, index) => (index % 3 === 0 ? "absent" : `a${index}`));
  const reads = names.map((name) => cluster.get(configMaps, "team", name));
  await until(() => cluster.calls().waiting > 0);
  expect(cluster.calls().inFlight).toBeLessThanOrEqual(cluster.calls().limit);
  expect((await Promise.all(reads)).filter((found) => found !== undefined)).toHaveLength(20);
  watch.close();
  await until(() => cluster.calls().inFlight === 0);
});
