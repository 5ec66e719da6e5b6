import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  aPod,
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
import type { PersistentVolumeClaim, Pod, Wanted } from "../../objects.ts";
import type { LogOptions } from "../../port.ts";
import { claims, configMaps, pods, secrets } from "../../resource.ts";
import { pathAnnotation } from "./claims.ts";
import { readProcess } from "./process-table.ts";

const terminated = (pod: Pod) => pod.status?.containerStatuses?.[0]?.state.terminated;

function aClaim(name: string, annotations?: Record<string, string>): Wanted<PersistentVolumeClaim> {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name, namespace, ...(annotations && { annotations }) },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  };
}

test("a pod's process gets its environment and nothing else, and its end is told as a kubelet tells it", async () => {
  const cluster = await openCluster({ node: { env: { FROM_NODE: "yes" } } });
  const env = [
    { name: "A", value: "b" },
    { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } } as const,
  ];
  process.env.OPERATORS_SECRET = "hidden";
  onCleanUp(() => {
    delete process.env.OPERATORS_SECRET;
  });
  const script = 'echo out; echo err >&2; env; pwd; printf \'{"done":true}\' > "$TANREN_RESULT"; exit 64';
  await cluster.apply(pods, aPod("one", aTemplate(sh(script), { env: [...env] })));
  const pod = await until(cluster, pods, "one", ({ status }) => status?.phase === "Failed");
  expect(terminated(pod)).toMatchObject({ exitCode: 64, reason: "Error", message: '{"done":true}' });
  const log = (await Array.fromAsync(cluster.logs(namespace, "one", {}))).join("");
  expect(log).toContain("out\nerr\n");
  expect(log).toContain("A=b\n");
  expect(log).toContain("FROM_NODE=yes\n");
  expect(log).toContain(`POD_IP=${pod.status?.podIP}\n`);
  expect(log).toMatch(/\/root\/tanren\n$/);
  expect(log).not.toContain("hidden");
  expect(pod.status?.podIP).toMatch(/^127\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./);
});

test("deletion sends TERM, and KILL to the whole group when the grace period is over", async () => {
  const cluster = await openCluster();
  const directory = temporaryDirectory();
  const gentle = `trap 'echo stopped > ${directory}/gentle; exit 143' TERM; echo up; while :; do sleep 0.05; done`;
  await cluster.apply(pods, aPod("gentle", aTemplate(sh(gentle))));
  const stubborn = `trap '' TERM; sleep 1000 & echo $! > ${directory}/child; wait`;
  await cluster.apply(
    pods,
    aPod("stubborn", aTemplate(sh(stubborn), {}, { terminationGracePeriodSeconds: 1 })),
  );
  await eventually(
    async () => (await Array.fromAsync(cluster.logs(namespace, "gentle", {}))).join("") === "up\n",
  );
  const child = await eventually(
    async () => existsSync(`${directory}/child`) && readFileSync(`${directory}/child`, "utf8").trim(),
  );
  for (const name of ["gentle", "stubborn"]) {
    const pod = await until(cluster, pods, name, ({ status }) => status?.phase === "Running");
    await cluster.delete(pods, pod);
    expect((await cluster.get(pods, namespace, name))?.metadata.deletionTimestamp).toBeDefined();
  }
  await eventually(async () => (await cluster.list(pods)).length === 0);
  expect(readFileSync(`${directory}/gentle`, "utf8")).toBe("stopped\n");
  expect(readProcess(Number(child))).toBeUndefined();
});

test("a container over its memory limit is killed and says so", async () => {
  const cluster = await openCluster();
  const resources = { requests: {}, limits: { memory: "96Mi" } };
  const hungry = ["node", "-e", "globalThis.kept = Buffer.alloc(200e6, 1); setInterval(() => {}, 1e6)"];
  await cluster.apply(pods, aPod("hungry", aTemplate(hungry, { resources })));
  const pod = await until(cluster, pods, "hungry", ({ status }) => status?.phase === "Failed");
  expect(terminated(pod)).toMatchObject({ exitCode: 137, reason: "OOMKilled" });
});

test("pods that ask for more cores than are free wait in line, those that ask for more than there are wait with a message", async () => {
  const cluster = await openCluster({ node: { cpus: 2 } });
  const asking = (cpu: string, command: string[]) =>
    aTemplate(command, { resources: { requests: { cpu }, limits: {} } });
  await cluster.apply(pods, aPod("first", asking("1500m", sh("sleep 0.4"))));
  await cluster.apply(pods, aPod("second", asking("1", sh("exit 0"))));
  await cluster.apply(pods, aPod("giant", asking("3", sh("exit 0"))));
  const gpu = aTemplate(sh("exit 0"), { resources: { requests: {}, limits: { "nvidia.com/gpu": "1" } } });
  await cluster.apply(pods, aPod("gpu", gpu));
  const refused = (pod: Pod) =>
    pod.status?.conditions?.find(({ type, status }) => type === "PodScheduled" && status === "False");
  const message = async (name: string) => refused(await until(cluster, pods, name, refused))?.message;
  expect(await message("second")).toContain("Insufficient cpu");
  expect(await message("gpu")).toContain("Insufficient nvidia.com/gpu");
  await until(cluster, pods, "second", ({ status }) => status?.phase === "Succeeded");
  expect((await cluster.get(pods, namespace, "first"))?.status?.phase).toBe("Succeeded");
  expect(await message("giant")).toContain("Insufficient cpu");
});

test("a crashing container is restarted with back-off, its last end kept in view", async () => {
  const cluster = await openCluster({ clock: fastClock(20) });
  await cluster.apply(pods, aPod("crash", aTemplate(sh("exit 3"), {}, { restartPolicy: "Always" })));
  const seen = (pod: Pod) => pod.status?.containerStatuses?.[0];
  const pod = await until(
    cluster,
    pods,
    "crash",
    (now) => (seen(now)?.restartCount ?? 0) >= 2 && seen(now)?.state.waiting,
  );
  expect(seen(pod)?.state.waiting?.reason).toBe("CrashLoopBackOff");
  expect(seen(pod)?.lastState?.terminated?.exitCode).toBe(3);
  await cluster.delete(pods, pod);
  await eventually(async () => (await cluster.get(pods, namespace, "crash")) === undefined);
});

test("a container that its liveness probe gives up is restarted", async () => {
  const cluster = await openCluster({ clock: fastClock(10) });
  const livenessProbe = { httpGet: { path: "/", port: 8080 }, periodSeconds: 1, failureThreshold: 2 };
  const template = aTemplate(sh("sleep 1000"), { livenessProbe }, { restartPolicy: "Always" });
  await cluster.apply(pods, aPod("deaf", template));
  const pod = await until(
    cluster,
    pods,
    "deaf",
    ({ status }) => (status?.containerStatuses?.[0]?.restartCount ?? 0) > 0,
  );
  expect(pod.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode).toBe(143);
});

test("claims, ConfigMaps and Secrets are found under the mount paths, a claim with subPath", async () => {
  const stateDirectory = temporaryDirectory();
  const cluster = await openCluster({ stateDirectory });
  const template = aTemplate(
    sh(
      "cat config/a secret/key; echo made > output/file; mkdir -p scratch/x && ls scratch; printenv HOME | sed 's/.*root//'",
    ),
    {
      env: [{ name: "HOME", value: "/tanren/scratch" }],
      volumeMounts: [
        { name: "config", mountPath: "/tanren/config" },
        { name: "secret", mountPath: "/tanren/secret" },
        { name: "claim", mountPath: "/tanren/output", subPath: "runs/one" },
        { name: "scratch", mountPath: "/tanren/scratch" },
      ],
    },
    {
      volumes: [
        { name: "config", configMap: { name: "config" } },
        { name: "secret", secret: { secretName: "secret" } },
        { name: "claim", persistentVolumeClaim: { claimName: "claim" } },
        { name: "scratch", emptyDir: {} },
      ],
    },
  );
  await cluster.apply(pods, aPod("mounts", template));
  const waits = (text: string) => (pod: Pod) => JSON.stringify(pod.status ?? {}).includes(text);
  await until(cluster, pods, "mounts", waits('persistentvolumeclaim \\"claim\\" not found'));
  await cluster.apply(claims, aClaim("claim"));
  await until(cluster, pods, "mounts", waits('configmap \\"config\\" not found'));
  const meta = { namespace };
  await cluster.apply(configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "config", ...meta },
    data: { a: "A\n" },
  });
  const data = { key: Buffer.from("K\n").toString("base64") };
  await cluster.apply(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "secret", ...meta },
    data,
  });
  await until(cluster, pods, "mounts", ({ status }) => status?.phase === "Succeeded");
  expect((await Array.fromAsync(cluster.logs(namespace, "mounts", {}))).join("")).toBe(
    "A\nK\nx\n/tanren/scratch\n",
  );
  expect(readFileSync(join(stateDirectory, "claims", namespace, "claim", "runs/one/file"), "utf8")).toBe(
    "made\n",
  );
  expect((await cluster.get(claims, namespace, "claim"))?.status?.phase).toBe("Bound");
});

test("a changed Secret reaches the running pod, in a file that only its owner reads", async () => {
  const stateDirectory = temporaryDirectory();
  const cluster = await openCluster({ stateDirectory });
  const secret = (value: string) =>
    cluster.apply(secrets, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "token", namespace },
      data: { token: Buffer.from(value).toString("base64") },
    });
  await secret("old");
  const template = aTemplate(
    sh('while [ "$(cat keys/token)" = old ]; do sleep 0.02; done; cat keys/token'),
    { volumeMounts: [{ name: "keys", mountPath: "/tanren/keys" }] },
    { volumes: [{ name: "keys", secret: { secretName: "token" } }] },
  );
  const { metadata } = await cluster.apply(pods, aPod("reader", template));
  await until(cluster, pods, "reader", ({ status }) => status?.phase === "Running");
  const file = join(stateDirectory, "pods", metadata.uid, "volumes/keys/token");
  expect(statSync(file).mode & 0o777).toBe(0o400);
  expect(statSync(join(file, "..")).mode & 0o777).toBe(0o700);
  await secret("new");
  await until(cluster, pods, "reader", ({ status }) => status?.phase === "Succeeded");
  expect((await Array.fromAsync(cluster.logs(namespace, "reader", {}))).join("")).toBe("new");
  expect(statSync(join(stateDirectory, "objects/secrets", namespace, "token.json")).mode & 0o777).toBe(0o600);
});

test("a deleted claim takes its directory along when no pod uses it any more, but never a directory of the user's", async () => {
  const stateDirectory = temporaryDirectory();
  const cluster = await openCluster({ stateDirectory });
  const users = join(temporaryDirectory(), "data");
  mkdirSync(users);
  writeFileSync(join(users, "precious"), "");
  await cluster.apply(claims, aClaim("users", { [pathAnnotation]: users }));
  await cluster.apply(claims, aClaim("own"));
  const mount = (name: string) => ({ name, mountPath: `/tanren/${name}` });
  const volume = (name: string) => ({ name, persistentVolumeClaim: { claimName: name } });
  const template = aTemplate(
    sh("touch users/seen own/seen; sleep 1000"),
    { volumeMounts: [mount("users"), mount("own")] },
    { volumes: [volume("users"), volume("own")] },
  );
  const pod = await cluster.apply(pods, aPod("holder", template));
  const own = join(stateDirectory, "claims", namespace, "own");
  await eventually(async () => existsSync(join(own, "seen")));
  for (const claim of await cluster.list(claims)) await cluster.delete(claims, claim);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(existsSync(join(own, "seen"))).toBe(true);
  await cluster.delete(pods, pod);
  await eventually(async () => (await cluster.list(claims)).length === 0);
  expect(existsSync(own)).toBe(false);
  expect(existsSync(join(users, "precious")) && existsSync(join(users, "seen"))).toBe(true);
});

test("the name of a pod in the environment becomes its address, waited for within the own subdomain", async () => {
  const cluster = await openCluster();
  const named = (hostname: string) =>
    aTemplate(
      sh('echo "$MASTER_ADDR $VERSION"; sleep 0.2'),
      {
        env: [
          { name: "MASTER_ADDR", value: "run-0.run" },
          { name: "VERSION", value: "1.5" },
        ],
      },
      { hostname, subdomain: "run" },
    );
  await cluster.apply(pods, aPod("second", named("run-1")));
  await until(cluster, pods, "second", ({ status }) =>
    JSON.stringify(status ?? {}).includes("waiting for the address of pod run-0.run"),
  );
  await cluster.apply(pods, aPod("first", named("run-0")));
  const first = await until(cluster, pods, "first", ({ status }) => status?.phase === "Succeeded");
  await until(cluster, pods, "second", ({ status }) => status?.phase === "Succeeded");
  const log = (await Array.fromAsync(cluster.logs(namespace, "second", {}))).join("");
  expect(log).toBe(`${first.status?.podIP} 1.5\n`);
});

test("a followed log ends with the pod and holds every byte; a tail begins at a line", async () => {
  const cluster = await openCluster();
  const script = "for i in 1 2 3 4 5; do echo 行$i; sleep 0.05; done";
  await cluster.apply(pods, aPod("talker", aTemplate(sh(script))));
  const followed = (await Array.fromAsync(cluster.logs(namespace, "talker", { follow: true }))).join("");
  expect(followed).toBe("行1\n行2\n行3\n行4\n行5\n");
  expect((await Array.fromAsync(cluster.logs(namespace, "talker", { tailLines: 2 }))).join("")).toBe(
    "行4\n行5\n",
  );
  expect((await Array.fromAsync(cluster.logs(namespace, "talker", { tailLines: 99 }))).join("")).toBe(
    followed,
  );
});

test("each start of a container has a log of its own, and the one before the newest can be asked for", async () => {
  const cluster = await openCluster({ clock: fastClock(20) });
  const starts = join(temporaryDirectory(), "starts");
  const script = `echo x >> ${starts}; wc -l < ${starts}; [ "$(wc -l < ${starts})" = 3 ] && sleep 1000; exit 1`;
  const logOf = async (name: string, options: LogOptions) =>
    (await Array.fromAsync(cluster.logs(namespace, name, options))).join("").trim();
  await cluster.apply(pods, aPod("again", aTemplate(sh(script), {}, { restartPolicy: "Always" })));
  expect(await eventually(() => logOf("again", { follow: true }))).toBe("1");
  await eventually(async () => (await logOf("again", {})) === "3");
  expect(await logOf("again", { previous: true, follow: true })).toBe("2");
  await cluster.apply(pods, aPod("once", aTemplate(sh("echo once"))));
  await until(cluster, pods, "once", ({ status }) => status?.phase === "Succeeded");
  await expect(logOf("once", { previous: true })).rejects.toThrow("Pod default/once was never started again");
});

test("what a program leaves running ends with it", async () => {
  const cluster = await openCluster();
  const directory = temporaryDirectory();
  await cluster.apply(pods, aPod("parent", aTemplate(sh(`sleep 1000 & echo $! > ${directory}/pid`))));
  await until(cluster, pods, "parent", ({ status }) => status?.phase === "Succeeded");
  expect(readProcess(Number(readFileSync(`${directory}/pid`, "utf8")))).toBeUndefined();
});
