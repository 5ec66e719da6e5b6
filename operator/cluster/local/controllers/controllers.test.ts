import { createServer as createHttpServer, get as httpGet } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import {
  aDeployment,
  aJob,
  aPod,
  aService,
  aTemplate,
  eventually,
  fastClock,
  namespace,
  onCleanUp,
  openCluster,
  sh,
  temporaryDirectory,
  until,
} from "../../../testing/local-cluster.ts";
import { isTrue } from "../../conditions.ts";
import type { Condition } from "../../objects.ts";
import { configMaps, deployments, events, jobs, pods, services } from "../../resource.ts";
import { isReady } from "../kubelet/pod-status.ts";

/** The controllers over real processes. */

const podIP = { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } } as const;
const finished = (conditions?: Condition[]) => isTrue(conditions, "Complete") || isTrue(conditions, "Failed");

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * A web server that says its version, gets ready after a moment, and finishes what it has begun when told to
 * stop.
 */
function aServer(version: string) {
  const program = `
    const server = require("node:http").createServer((request, response) => {
      if (request.url === "/slow") setTimeout(() => response.end(${JSON.stringify(version)}), 300);
      else response.end(${JSON.stringify(version)});
    });
    setTimeout(() => server.listen(8000, process.env.POD_IP), 100);
    process.on("SIGTERM", () => server.close(() => process.exit(0)));`;
  const readinessProbe = { httpGet: { path: "/", port: 8000 }, periodSeconds: 1, failureThreshold: 1 };
  return aTemplate(["node", "-e", program], { env: [podIP], readinessProbe });
}

function ask(port: number, path = "/"): Promise<string> {
  return new Promise((resolve, reject) => {
    httpGet({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      response.toArray().then((chunks) => resolve(chunks.join("")), reject);
    }).on("error", reject);
  });
}

test("an Indexed Job runs every index once, in its own pod, and completes", async () => {
  const cluster = await openCluster();
  const template = aTemplate(sh("echo index $JOB_COMPLETION_INDEX"));
  await cluster.apply(jobs, aJob("run", template, { completions: 4, parallelism: 2 }));
  const job = await until(cluster, jobs, "run", ({ status }) => finished(status?.conditions));
  expect(job.status).toMatchObject({ succeeded: 4, failed: 0, active: 0, completedIndexes: "0-3" });
  const made = await cluster.list(pods, { labels: { "batch.kubernetes.io/job-name": "run" } });
  expect(made.map(({ spec }) => spec.hostname)).toEqual(["run-0", "run-1", "run-2", "run-3"]);
  expect(
    made.every(({ metadata }) => /^run-\d-[a-z0-9]{5}$/.test(metadata.name) && !metadata.finalizers),
  ).toBe(true);
  const logs = await Promise.all(
    made.map(({ metadata }) => Array.fromAsync(cluster.logs(namespace, metadata.name, {}))),
  );
  expect(logs.flat()).toEqual([0, 1, 2, 3].map((index) => `index ${index}\n`));
});

test("a failed attempt is tried again after the back-off, until the limit ends the others", async () => {
  const cluster = await openCluster({ clock: fastClock(50) });
  const template = aTemplate(
    sh('[ "$JOB_COMPLETION_INDEX" = 0 ] && exit 1; sleep 1000'),
    {},
    { terminationGracePeriodSeconds: 50 },
  );
  await cluster.apply(jobs, aJob("run", template, { completions: 2, parallelism: 2, backoffLimit: 1 }));
  const job = await until(cluster, jobs, "run", ({ status }) => finished(status?.conditions));
  expect(job.status?.conditions?.find(({ type }) => type === "Failed")?.reason).toBe("BackoffLimitExceeded");
  expect(job.status).toMatchObject({ failed: 3, active: 0, terminating: 0 });
  const phases = (await cluster.list(pods)).map(({ status }) => status?.phase);
  expect(phases.filter((phase) => phase === "Running")).toEqual([]);
});

test("suspension stops the pods in their grace period, resumption makes new ones, and none of it counts as failure", async () => {
  const cluster = await openCluster();
  const directory = temporaryDirectory();
  const script = `trap 'echo saved >> ${directory}/log; exit 143' TERM; if [ -e ${directory}/log ]; then exit 0; fi; while :; do sleep 0.02; done`;
  const job = (suspend: boolean) =>
    aJob("run", aTemplate(sh(script)), { suspend, podReplacementPolicy: "Failed" });
  await cluster.apply(jobs, job(false));
  await until(cluster, jobs, "run", ({ status }) => status?.active === 1);
  await eventually(async () => (await cluster.list(pods)).some(({ status }) => status?.phase === "Running"));
  await sleep(50);
  await cluster.apply(jobs, job(true));
  await until(
    cluster,
    jobs,
    "run",
    ({ status }) => isTrue(status?.conditions, "Suspended") && status?.terminating === 0,
  );
  expect(await cluster.list(pods)).toEqual([]);
  await cluster.apply(jobs, job(false));
  const done = await until(cluster, jobs, "run", ({ status }) => finished(status?.conditions));
  expect(done.status).toMatchObject({ succeeded: 1, failed: 0 });
});

test("deleting a Job takes its pods and their processes along, a ConfigMap of its own too", async () => {
  const cluster = await openCluster();
  const job = await cluster.apply(jobs, aJob("run", aTemplate(sh("sleep 1000"))));
  const owner = { apiVersion: job.apiVersion, kind: job.kind, name: "run", uid: job.metadata.uid };
  const metadata = { name: "config", namespace, ownerReferences: [owner] };
  await cluster.apply(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata, data: {} });
  await cluster.apply(configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "other", namespace },
    data: {},
  });
  await until(cluster, jobs, "run", ({ status }) => status?.active === 1);
  await cluster.delete(jobs, job);
  await eventually(async () => (await cluster.list(pods)).length === 0);
  expect((await cluster.list(configMaps)).map((map) => map.metadata.name)).toEqual(["other"]);
});

test("an Event is forgotten after an hour", async () => {
  const cluster = await openCluster({ clock: fastClock(10_000) });
  const regarding = { apiVersion: "v1", kind: "Pod", namespace, name: "p", uid: "u" };
  const eventTime = new Date().toISOString();
  const reporter = { reportingController: "c", reportingInstance: "i" };
  await cluster.apply(events, {
    ...{
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: "e", namespace },
      type: "Normal",
      reason: "R",
    },
    ...{ action: "A", note: "n", regarding, ...reporter, eventTime },
  });
  await eventually(async () => (await cluster.list(events)).length === 0);
});

test("a rolling update under constant requests fails none of them and ends with the new version alone", async () => {
  const cluster = await openCluster();
  const port = await freePort();
  await cluster.apply(services, aService("web", port, 8000));
  await cluster.apply(deployments, aDeployment("web", aServer("one"), { replicas: 2 }));
  await until(cluster, deployments, "web", ({ status }) => status?.availableReplicas === 2);
  const answers: string[] = [];
  let asking = true;
  const clients = ["/", "/", "/slow"].map(async (path) => {
    while (asking) answers.push(await ask(port, path));
  });
  await cluster.apply(deployments, aDeployment("web", aServer("two"), { replicas: 2 }));
  const rolled = await until(
    cluster,
    deployments,
    "web",
    ({ status }) =>
      status?.observedGeneration === 2 &&
      status.updatedReplicas === 2 &&
      status.replicas === 2 &&
      status.availableReplicas === 2,
  );
  await sleep(400); // a slow answer under way is still of the old version
  const mark = answers.length;
  await eventually(async () => answers.length > mark + 10);
  asking = false;
  await Promise.all(clients);
  expect(new Set(answers)).toEqual(new Set(["one", "two"]));
  expect(new Set(answers.slice(mark + 3))).toEqual(new Set(["two"]));
  expect(rolled.status?.conditions?.find(({ type }) => type === "Progressing")?.reason).toBe(
    "NewReplicaSetAvailable",
  );
  expect(isTrue(rolled.status?.conditions, "Available")).toBe(true);
});

test("a rollout that never gets ready keeps the old pods, says so past its deadline, and a rollback heals it", async () => {
  const cluster = await openCluster({ clock: fastClock(10) });
  const settle = (generation: number) =>
    until(
      cluster,
      deployments,
      "web",
      ({ status }) =>
        status?.observedGeneration === generation && status.readyReplicas === 1 && status.replicas === 1,
    );
  const good = aTemplate(sh("sleep 1000"));
  const bad = aTemplate(sh("sleep 1000"), {
    readinessProbe: { httpGet: { path: "/", port: 1 }, periodSeconds: 1 },
  });
  const spec = { progressDeadlineSeconds: 10 };
  await cluster.apply(deployments, aDeployment("web", good, spec));
  await settle(1);
  const [old] = await cluster.list(pods);
  await cluster.apply(deployments, aDeployment("web", bad, spec));
  const stuck = await until(cluster, deployments, "web", ({ status }) =>
    status?.conditions?.some(({ reason }) => reason === "ProgressDeadlineExceeded"),
  );
  expect(stuck.status).toMatchObject({ replicas: 2, updatedReplicas: 1, availableReplicas: 1 });
  await cluster.apply(deployments, aDeployment("web", good, spec));
  await settle(3);
  expect((await cluster.list(pods)).filter(isReady).map(({ metadata }) => metadata.uid)).toEqual([
    old?.metadata.uid,
  ]);
});

test("scaling down takes away pods, an ended pod is replaced, Recreate never has two versions at once", async () => {
  const cluster = await openCluster();
  const template = aTemplate(sh("sleep 1000"));
  await cluster.apply(deployments, aDeployment("web", template, { replicas: 3 }));
  await until(cluster, deployments, "web", ({ status }) => status?.readyReplicas === 3);
  await cluster.apply(deployments, aDeployment("web", template, { replicas: 1 }));
  await until(cluster, deployments, "web", ({ status }) => status?.replicas === 1);
  await eventually(async () => (await cluster.list(pods)).length === 1);
  let most = 0;
  const living = new Set<string>();
  const watch = cluster.watch(pods, {}, ({ type, object }) => {
    if (type === "DELETED") living.delete(object.metadata.uid);
    else living.add(object.metadata.uid);
    most = Math.max(most, living.size);
  });
  await cluster.apply(
    deployments,
    aDeployment("web", aTemplate(sh("sleep 2000")), { strategy: { type: "Recreate" } }),
  );
  await until(
    cluster,
    deployments,
    "web",
    ({ status }) => status?.observedGeneration === 3 && status.readyReplicas === 1,
  );
  watch.close();
  expect(most).toBe(1);
});

test("a Service whose port another program holds says PortInUse and takes the port when it is free", async () => {
  const cluster = await openCluster({ clock: fastClock(20) });
  const squatter = createHttpServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => squatter.once("listening", resolve));
  onCleanUp(() => void squatter.close());
  const { port } = squatter.address() as AddressInfo;
  await cluster.apply(services, aService("web", port, 8000));
  const stated = (error?: string) => [
    { ip: "127.0.0.1", ports: [{ port, protocol: "TCP", ...(error && { error }) }] },
  ];
  const refused = await until(cluster, services, "web", ({ status }) => status);
  expect(refused.status?.loadBalancer?.ingress).toEqual(stated("PortInUse"));
  await new Promise((resolve) => squatter.close(resolve));
  await until(
    cluster,
    services,
    "web",
    ({ status }) => !status?.loadBalancer?.ingress?.[0]?.ports?.[0]?.error,
  );
  await expect(ask(port)).rejects.toThrow(); // nobody is behind it yet
  await cluster.apply(pods, aPod("web", aServer("here")));
  await until(cluster, pods, "web", isReady);
  expect(await ask(port)).toBe("here");
});

test("a Service leads to its ready pods in turn, never to one that answers but is not ready", async () => {
  const cluster = await openCluster();
  const port = await freePort();
  const template = (version: string, path: string) => {
    const program = `require("node:http").createServer((request, response) => {
      response.writeHead(request.url === "/unhealthy" ? 503 : 200).end("${version}");
    }).listen(8000, process.env.POD_IP);`;
    const readinessProbe = { httpGet: { path, port: 8000 }, periodSeconds: 1 };
    return aTemplate(["node", "-e", program], { env: [podIP], readinessProbe });
  };
  await cluster.apply(services, aService("web", port, 8000));
  await cluster.apply(pods, aPod("a", template("a", "/")));
  await cluster.apply(pods, aPod("b", template("b", "/")));
  const unready = await cluster.apply(pods, aPod("c", template("c", "/unhealthy")));
  for (const name of ["a", "b"]) await until(cluster, pods, name, isReady);
  const { podIP: address } =
    (await until(cluster, pods, "c", ({ status }) => status?.phase === "Running")).status ?? {};
  await eventually(() =>
    fetch(`http://${address}:8000/`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  const answers: string[] = [];
  for (let request = 0; request < 6; request++) answers.push(await ask(port));
  expect(answers.toSorted()).toEqual(["a", "a", "a", "b", "b", "b"]);
  expect((await cluster.get(pods, namespace, unready.metadata.name))?.status?.phase).toBe("Running");
});
