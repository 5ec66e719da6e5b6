import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  aJob,
  aPod,
  aTemplate,
  eventually,
  namespace,
  onCleanUp,
  openCluster,
  sh,
  temporaryDirectory,
} from "../../../testing/local-cluster.ts";
import type { ConfigMap, Wanted } from "../../objects.ts";
import { ConflictError, InvalidError } from "../../port.ts";
import { configMaps, jobs, pods } from "../../resource.ts";
import { connectLocal } from "../index.ts";

function aMap(name: string, value: string): Wanted<ConfigMap> {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace, labels: { kind: "map" } },
    data: { value },
  };
}

async function pair(stateDirectory = temporaryDirectory()) {
  const cluster = await openCluster({ stateDirectory });
  const lost: Error[] = [];
  const remote = await connectLocal(stateDirectory, (error) => lost.push(error));
  if (!remote) throw new Error("no operator was found");
  onCleanUp(() => remote.close());
  return { cluster, remote, lost, stateDirectory };
}

test("the port works from another process as it does here, errors with their kinds included", async () => {
  const { cluster, remote, stateDirectory } = await pair();
  expect(statSync(join(stateDirectory, "operator.sock")).mode & 0o777).toBe(0o600);
  const made = await remote.apply(configMaps, aMap("m", "語"));
  expect(await cluster.get(configMaps, namespace, "m")).toEqual(made);
  expect(await remote.get(configMaps, namespace, "none")).toBeUndefined();
  expect(await remote.list(configMaps, { labels: { kind: "other" } })).toEqual([]);
  expect((await remote.setFinalizer(configMaps, made, "example.dev/f", true))?.metadata.finalizers).toEqual([
    "example.dev/f",
  ]);
  await expect(remote.apply(configMaps, aMap("No!", "1"))).rejects.toThrow(InvalidError);
  const refusal = await remote.apply(configMaps, aMap("No!", "1")).catch((error: InvalidError) => error);
  expect(refusal).toEqual(
    await cluster.apply(configMaps, aMap("No!", "1")).catch((error: InvalidError) => error),
  );
  const job = await remote.apply(jobs, aJob("run", aTemplate(sh("exit 0")), { suspend: true }));
  await expect(
    remote.updateStatus(jobs, { ...job, metadata: { ...job.metadata, resourceVersion: "0" } }),
  ).rejects.toThrow(ConflictError);
  await remote.delete(jobs, job);
  expect(await cluster.get(jobs, namespace, "run")).toBeUndefined();
});

test("a watch tells what exists, then what changes, and stops when closed", async () => {
  const { cluster, remote } = await pair();
  await cluster.apply(configMaps, aMap("a", "1"));
  const events: string[] = [];
  const watch = remote.watch(configMaps, {}, ({ type, object }) =>
    events.push(`${type} ${object.metadata.name} ${object.data.value}`),
  );
  await watch.synced;
  expect(events).toEqual(["ADDED a 1"]);
  const second = await cluster.apply(configMaps, aMap("a", "2"));
  await cluster.delete(configMaps, second);
  await eventually(async () => events.length === 3);
  expect(events.slice(1)).toEqual(["MODIFIED a 2", "DELETED a 2"]);
  watch.close();
  await cluster.apply(configMaps, aMap("b", "1"));
  await remote.list(configMaps);
  expect(events).toHaveLength(3);
});

test("logs are followed, and a reader may leave early", async () => {
  const { cluster, remote } = await pair();
  await cluster.apply(pods, aPod("talker", aTemplate(sh("echo one; sleep 0.2; echo two"))));
  expect((await Array.fromAsync(remote.logs(namespace, "talker", { follow: true }))).join("")).toBe(
    "one\ntwo\n",
  );
  await cluster.apply(pods, aPod("endless", aTemplate(sh("echo one; sleep 1000"))));
  const leave = new AbortController();
  for await (const text of remote.logs(namespace, "endless", { follow: true, signal: leave.signal })) {
    expect(text).toBe("one\n");
    leave.abort();
  }
  await expect(Array.fromAsync(remote.logs(namespace, "none", {}))).rejects.toThrow(
    "Pod default/none is gone",
  );
});

test("the end of the operator is told to whoever watches; without an operator there is no connection", async () => {
  const { cluster, remote, lost, stateDirectory } = await pair();
  await remote.watch(configMaps, {}, () => {}).synced;
  await cluster.stop({ pods: "keep" });
  await eventually(async () => lost.length === 1);
  expect(lost[0]?.message).toContain("the operator has ended");
  expect(await connectLocal(stateDirectory)).toBeUndefined();
  expect(await connectLocal(join(stateDirectory, "none"))).toBeUndefined();
});

test("a state directory with a path too long for a socket works all the same", async () => {
  const deep = join(temporaryDirectory(), "d".repeat(60), "e".repeat(60));
  mkdirSync(deep, { recursive: true });
  const { remote } = await pair(deep);
  expect(await remote.list(pods)).toEqual([]);
});

test("watches that end with the event they waited for leave nothing behind", async () => {
  const { remote } = await pair();
  await remote.apply(configMaps, aMap("m", "1"));
  for (let round = 0; round < 20; round++) {
    await new Promise<void>((resolve) => {
      const watch = remote.watch(configMaps, {}, () => {
        // The line is being handed on, and the next one is not waited for.
        queueMicrotask(() => watch.close());
        resolve();
      });
    });
    await remote.get(configMaps, namespace, "m");
  }
});
