import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { Metadata, namespace, operatorNamespace, until, type World } from "./world.ts";

/** What goes wrong with a real node, done to it on purpose. */

const Node = z.looseObject({
  metadata: Metadata,
  status: z.looseObject({ conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })) }),
});

/** Programs beside the pod's own fill its memory, each smaller than it: the kernel takes the largest. */
export async function exhaustMemory(world: World, pod: string): Promise<void> {
  const program = [
    "import os, time",
    "for _ in range(20):",
    "    if os.fork() == 0:",
    "        held = b'x' * (60 << 20)",
    "        time.sleep(60)",
    "time.sleep(60)",
  ].join("\n");
  // It ends with the pod, and with an error.
  await world.refused("exec", pod, "--namespace", namespace, "--", "python", "-c", program);
}

/** Kills a pod's program at once and without a word. */
export function killProgram(podUid: string, program: string): void {
  const pids = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && isOf(entry, podUid, program));
  if (pids.length === 0) throw new Error(`no process of pod ${podUid} runs ${program}`);
  for (const pid of pids) process.kill(Number(pid), "SIGKILL");
}

function isOf(pid: string, podUid: string, program: string): boolean {
  try {
    return (
      readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(podUid) &&
      readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(program)
    );
  } catch {
    return false; // it ended while we looked
  }
}

export async function nodeName(world: World): Promise<string> {
  const [node] = await world.list(Node, "nodes");
  if (node === undefined) throw new Error("the cluster has no node");
  return node.metadata.name;
}

export function nodeIs(world: World, ready: boolean): Promise<true> {
  return until(`the node ${ready ? "" : "not "}Ready`, async () => {
    const [node] = await world.list(Node, "nodes");
    const status = node?.status.conditions.find(({ type }) => type === "Ready")?.status;
    return (status === "True") === ready || undefined;
  });
}

/** The node's agent is silent meanwhile; its containers go on. */
export async function whileKubeletIsSilent<Seen>(world: World, act: () => Promise<Seen>): Promise<Seen> {
  await world.cluster.stopComponent("kubelet", { kill: true });
  try {
    return await act();
  } finally {
    await world.cluster.startComponent("kubelet");
    await nodeIs(world, true);
  }
}

/** The API server is gone for some time. */
export async function loseApiServer(world: World, seconds: number): Promise<void> {
  await world.cluster.stopComponent("kube-apiserver", { kill: true });
  await sleep(seconds * 1000);
  await world.cluster.startComponent("kube-apiserver");
}

const OperatorPod = z.looseObject({
  metadata: Metadata,
  status: z.looseObject({
    conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]),
    containerStatuses: z.array(z.looseObject({ restartCount: z.number() })).default([]),
  }),
});

/** The operator's one pod that is not on its way out. */
export async function operatorPod(world: World) {
  const pods = await world.list(
    OperatorPod,
    "pods",
    "app.kubernetes.io/component=operator",
    operatorNamespace,
  );
  const [pod] = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (pod === undefined) throw new Error("the operator has no pod");
  return pod;
}

/** Waits for an operator that is ready and not the one that was. */
export function operatorAfter(world: World, before: Awaited<ReturnType<typeof operatorPod>>) {
  const restarts = (pod: typeof before) => pod.status.containerStatuses[0]?.restartCount ?? 0;
  return until("another operator that is ready", async () => {
    const pod = await operatorPod(world);
    const other = pod.metadata.uid !== before.metadata.uid || restarts(pod) > restarts(before);
    const ready = pod.status.conditions.some(({ type, status }) => type === "Ready" && status === "True");
    return (other && ready) || undefined;
  });
}
