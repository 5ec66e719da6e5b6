import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type AlignmentRun, alignmentRun } from "../../operator/api/kinds.ts";
import { connectKubernetes } from "../../operator/cluster/kubernetes/index.ts";
import { pods } from "../../operator/cluster/resource.ts";
import { changed } from "../../operator/testing/samples.ts";
import { OperatorProcess } from "../adapter/operator-process.ts";
import { ApiServer } from "../contract/api-server.ts";
import { installKinds } from "../contract/kubernetes-world.ts";
import { type NodeOptions, StandInNode } from "../contract/stand-in-node.ts";
import { eventually, given, isRunning } from "../contract/waiting.ts";

/** Two gangs of two pods that hold one node each: without the operator neither would ever be placed whole. */

const namespace = `gangs-${randomBytes(4).toString("hex")}`;
const directory = mkdtempSync(join(tmpdir(), "tanren-gangs-"));
const cluster = connectKubernetes({ kubeconfig: { path: inject("kubeconfig") }, report: () => {} });
const api = new ApiServer(inject("kubeconfig"));
const nodes: StandInNode[] = [];
let operator: OperatorProcess;

/** Pods of other tests keep off: nobody would run them there. */
const kept = { key: namespace, effect: "NoSchedule" } as const;
const later = { key: `${namespace}-later`, effect: "NoSchedule" } as const;
const nodeName = (name: string) => `${namespace}-${name}`;

async function openNode(name: string, taints: NonNullable<NodeOptions["taints"]>): Promise<void> {
  const options = { name: nodeName(name), cpu: "1", labels: { pool: namespace }, taints };
  const node = new StandInNode(cluster, api, namespace, options);
  nodes.push(node);
  await node.start();
}

beforeAll(async () => {
  await installKinds(api);
  await api.send("POST", "/api/v1/namespaces", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: namespace },
  });
  const account = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
  await eventually(async () => (await api.ask("GET", account)).code === 200, "the namespace can have pods");
  await api.send("POST", `/api/v1/namespaces/${namespace}/persistentvolumeclaims`, {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "files" },
    spec: { accessModes: ["ReadWriteMany"], resources: { requests: { storage: "1Gi" } } },
  });
  operator = new OperatorProcess(namespace, directory, inject("kubeconfig"), {
    namespace,
    leaderElection: { enabled: false },
    progressSeconds: 1,
  });
  await operator.says("operator started");
});

afterAll(async () => {
  await operator.end();
  for (const node of nodes) await node.stop();
  for (const name of ["one", "two"]) await api.send("DELETE", `/api/v1/nodes/${nodeName(name)}`, {}, [404]);
  await api.send("DELETE", `/api/v1/namespaces/${namespace}`);
  await cluster.stop();
  api.close();
  rmSync(directory, { recursive: true, force: true });
});

async function applyGang(name: string, tolerated: readonly { key: string }[]): Promise<void> {
  const spec = changed("AlignmentRun", {
    "model.pretrainRun": undefined,
    "model.directory": { claimName: "files" },
    "compute.nodes": 2,
    "compute.nodeSelector": { pool: namespace },
    "compute.tolerations": tolerated.map(({ key }) => ({ key, operator: "Exists" })),
  });
  const { apiVersion, kind } = alignmentRun.resource;
  await cluster.apply(alignmentRun.resource, {
    apiVersion,
    kind,
    metadata: { name, namespace },
    spec,
  } as never);
}

const read = async (name: string): Promise<AlignmentRun | undefined> =>
  cluster.get(alignmentRun.resource, namespace, name);

const podsOf = (name: string) => cluster.list(pods, { namespace, labels: { "tanren.dev/name": name } });

/** Waits until one pod of the gang runs and the other finds no node. */
const halfPlaced = (name: string) =>
  eventually(async () => {
    const found = await podsOf(name);
    const stuck = found.some(({ status }) =>
      status?.conditions?.some(({ reason }) => reason === "Unschedulable"),
    );
    return stuck && found.filter(isRunning).length === 1;
  }, `half of ${name} is placed`);

const placed = (name: string) =>
  eventually(
    async () => {
      const running = (await podsOf(name)).filter(isRunning);
      return running.length === 2 && running;
    },
    `${name} is placed whole`,
    120_000,
  );

test("the younger of two gangs that hold half of what they need gives way, and runs after the older one", async () => {
  await openNode("one", [kept]);
  await applyGang("older", [kept]);
  await halfPlaced("older");
  // The API server counts ages in seconds.
  const born = Date.parse(given(await read("older")).metadata.creationTimestamp);
  await eventually(async () => Date.now() >= born + 1000, "the next run is younger");
  // The second node is kept from the older gang until the younger one is on it.
  await openNode("two", [kept, later]);
  await applyGang("younger", [kept, later]);
  await halfPlaced("younger");
  await api.send("PATCH", `/api/v1/nodes/${nodeName("two")}`, { spec: { taints: [kept] } });

  const whole = await placed("older");
  expect((await read("younger"))?.status).toMatchObject({
    restarts: 0,
    attempts: [
      {
        number: 1,
        reason: "GangNotPlaced",
        counted: false,
        message: expect.stringContaining("AlignmentRun older, which is older, lacks nodes as well"),
      },
    ],
  });
  expect((await read("older"))?.status?.attempts).toMatchObject([{ number: 1 }]);

  const failed = JSON.stringify({ reason: "InvalidData", message: "enough of it", metrics: {} });
  for (const pod of whole)
    for (const node of nodes) await node.tell(pod, { exit: { code: 64, message: failed } });
  await placed("younger");
  expect((await read("younger"))?.status?.attempts?.at(-1)).toMatchObject({ number: 2 });
}, 300_000);
