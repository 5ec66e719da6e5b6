import { renameSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectKubernetes, type KubernetesOptions } from "../../operator/cluster/kubernetes/index.ts";
import { configMaps } from "../../operator/cluster/resource.ts";
import { startCluster, type TestCluster } from "../cluster/cluster.ts";
import { eventually } from "../contract/waiting.ts";
import { serviceAccountKubeconfig } from "./operator-process.ts";

/** What only a real API server can do to the adapter. */

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster();
}, 30 * 60_000);

afterAll(() => cluster.stop(), 60_000);

const namespace = "default";

function aConfigMap(name: string, owner: string, x = "") {
  const metadata = { name, namespace, labels: { made: "here", owner } };
  return { apiVersion: "v1" as const, kind: "ConfigMap" as const, metadata, data: { x } };
}

const cache = { resource: configMaps, labels: { made: "here" }, impliedBy: ["owner"], indexedBy: "owner" };

function connect(options: Partial<KubernetesOptions> = {}) {
  const errors: unknown[] = [];
  const connection = connectKubernetes({
    kubeconfig: { path: cluster.kubeconfig },
    report: (error) => errors.push(error),
    ...options,
  });
  return { connection, errors };
}

test("an API server that is killed and comes back costs no event, and no watch tells one twice", async () => {
  const { connection, errors } = connect({ caches: [cache] });
  const { connection: other } = connect();
  const events: string[] = [];
  const watch = connection.watch(configMaps, { labels: { owner: "restart" } }, ({ type, object }) =>
    events.push(`${type} ${object.metadata.name} ${object.data.x}`),
  );
  await watch.synced;
  await other.apply(configMaps, aConfigMap("before", "restart"));
  await eventually(async () => events.length === 1, "the first is told");
  await cluster.stopComponent("kube-apiserver", { kill: true });
  await expect(other.apply(configMaps, aConfigMap("never", "restart"))).rejects.toThrow(
    /no answer from the API server/,
  );
  await eventually(async () => errors.length > 0, "the watch has tried in vain");
  await cluster.startComponent("kube-apiserver");
  await other.apply(configMaps, aConfigMap("after", "restart", "1"));
  await other.apply(configMaps, aConfigMap("after", "restart", "2"));
  const back = Date.now();
  await eventually(async () => events.some((event) => event.endsWith("after 2")), "what came after is told");
  expect(Date.now() - back).toBeLessThan(25_000);
  // Where the watch had to be listed anew, the two writes are told as one.
  expect(events.filter((event) => event !== "ADDED after 1")).toEqual([
    "ADDED before ",
    expect.stringMatching(/^(ADDED|MODIFIED) after 2$/),
  ]);
  expect(errors.length).toBeGreaterThan(0);
  await connection.stop();
  await other.stop();
}, 120_000);

test("five thousand objects are listed page by page, and an owner's are found without a search", async () => {
  const { connection: writer } = connect();
  const count = 5_000;
  const filling = "x".repeat(1_000);
  let next = 0;
  const write = async () => {
    while (next < count) {
      const index = next++;
      await writer.apply(configMaps, aConfigMap(`object-${index}`, `owner-${index % 500}`, filling));
    }
  };
  await Promise.all(Array.from({ length: 16 }, write));
  const began = Date.now();
  const answers: number[] = [];
  const { connection, errors } = connect({ caches: [cache], answered: (_, code) => answers.push(code) });
  await connection.watch(configMaps, { labels: { made: "here" } }, () => {}).synced;
  const seconds = (Date.now() - began) / 1000;
  expect(answers.length, "eleven pages for what lies here besides, and the watch").toBeLessThanOrEqual(12);
  expect(await connection.list(configMaps, { labels: { made: "here" } })).toHaveLength(count + 2);
  const owners = performance.now();
  for (let owner = 0; owner < 500; owner++) {
    expect(
      await connection.list(configMaps, { namespace, labels: { owner: `owner-${owner}` } }),
    ).toHaveLength(10);
  }
  const perRead = (performance.now() - owners) / 500;
  expect(perRead, "milliseconds to find ten of five thousand").toBeLessThan(2);
  expect(seconds).toBeLessThan(20);
  expect(errors).toEqual([]);
  await connection.stop();
  await writer.stop();
}, 300_000);

test("a token that was taken back and renewed in its file costs no more than one refusal", async () => {
  const kubectl = async (...args: string[]) => {
    const result = await cluster.kubectl(args);
    if (result.code !== 0) throw new Error(result.stderr);
    return result.stdout;
  };
  await kubectl("create", "namespace", "tanren-system");
  await kubectl("create", "serviceaccount", "reader", "-n", "tanren-system");
  await kubectl(
    "create",
    "clusterrolebinding",
    "reader",
    "--clusterrole",
    "view",
    "--serviceaccount",
    "tanren-system:reader",
  );
  await kubectl("create", "secret", "generic", "bound", "-n", "tanren-system");
  const path = await serviceAccountKubeconfig(cluster, "reader");
  const bound = ["--bound-object-kind", "Secret", "--bound-object-name", "bound"];
  const token = (await kubectl("create", "token", "reader", "-n", "tanren-system", ...bound)).trim();
  const fresh = (await kubectl("create", "token", "reader", "-n", "tanren-system")).trim();
  writeFileSync(`${path}.token`, token);
  const { connection } = connect({ kubeconfig: { path } });
  await connection.list(configMaps, { namespace });
  await kubectl("delete", "secret", "bound", "-n", "tanren-system");
  // The API server remembers for ten seconds that it knows a token.
  await eventually(
    async () =>
      connection.list(configMaps, { namespace }).then(
        () => false,
        (error) => /does not know who is asking/.test(error),
      ),
    "the token is refused",
  );
  writeFileSync(`${path}.new`, fresh);
  renameSync(`${path}.new`, `${path}.token`);
  await connection.list(configMaps, { namespace });
  await connection.stop();
}, 60_000);
