import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import {
  exhaustMemory,
  killProgram,
  loseApiServer,
  nodeIs,
  nodeName,
  operatorAfter,
  operatorPod,
  whileKubeletIsSilent,
} from "./faults.ts";
import { likeQuickstart, type Manifest, quickstartManifests } from "./manifests.ts";
import { attemptsAt, conditionOf, eventsOf, nextAttempt, Pod, Run, runningPods, underWay } from "./runs.ts";
import { namespace, operatorNamespace, until, type World } from "./world.ts";

const Policy = z.looseObject({
  spec: z.looseObject({
    podSelector: z.looseObject({ matchLabels: z.record(z.string(), z.string()).default({}) }),
  }),
});

/** The key that the endpoint asks for. */
export const apiKey = randomBytes(18).toString("base64url");

/**
 * Runs that wait for a Corpus that never comes: what a restarted operator or API server has to work through
 * besides.
 */
const waiting: readonly Manifest[] = Array.from({ length: 30 }, (_, index) =>
  likeQuickstart("PretrainRun", `waiting-${index}`, { corpus: { name: "never" } }),
);

/** From raw pages to a chat model, while what can go wrong on a node goes wrong. */
export function chain(world: () => World): void {
  test("the quickstart is taken as a whole, before anything it refers to is there", async () => {
    const keys: Manifest = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "tanren-assistant-keys" },
      stringData: { key: apiKey },
    };
    await world().apply(keys, ...quickstartManifests());
    await world().apply(...waiting);
    await until("the endpoint says what it waits for", async () => {
      const endpoint = await world().get(Run, "inferencedeployment", "assistant");
      return conditionOf(endpoint, "Ready")?.reason === "InputNotReady" || undefined;
    });
  });

  test("a Corpus is made although the operator's pod is deleted meanwhile", async () => {
    await until("pods of the Corpus", async () => (await runningPods(world(), "Corpus", "manuals"))[0]);
    const before = await operatorPod(world());
    await world().kubectl(
      "delete",
      "pod",
      before.metadata.name,
      "--namespace",
      operatorNamespace,
      "--wait=false",
    );
    await operatorAfter(world(), before);
    await world().wait("corpus/manuals", "condition=Succeeded");
    const { status } = await world().get(Run, "corpus", "manuals");
    // The operator that followed took up what it found: nothing was begun twice.
    expect(status.attempts.map(({ stage, number }) => `${stage} ${number}`)).toEqual([
      "clean 1",
      "deduplicate 1",
      "tokenize 1",
    ]);
  });

  test("people see how far a run is: columns, log lines, Events", async () => {
    await underWay(world(), "PretrainRun", "base");
    const [header = "", row = ""] = (
      await world().kubectl("get", "pretrainrun", "base", "--namespace", namespace)
    ).split("\n");
    expect(header.split(/\s+/)).toEqual(
      expect.arrayContaining(["NAME", "SUCCEEDED", "STAGE", "PROGRESS", "LOSS", "ETA", "REASON", "AGE"]),
    );
    expect(row).toMatch(/base +Unknown +train +\d+% .*Running/);
    const log = await world().kubectl(
      "logs",
      "--namespace",
      namespace,
      "--selector",
      "tanren.dev/name=base",
      "--tail=20",
    );
    const lines = log
      .trim()
      .split("\n")
      .map((line) => z.record(z.string(), z.unknown()).parse(JSON.parse(line)));
    expect(lines).toContainEqual(
      expect.objectContaining({ program: "train", event: "training", steps: 1500 }),
    );
    expect(await eventsOf(world(), "Corpus", "manuals")).toEqual(
      expect.arrayContaining(["StageStarted", "StageCompleted", "Completed"]),
    );
  });

  test("a program has no API token, no root, no file of the image to write, and a NetworkPolicy", async () => {
    const [pod] = await runningPods(world(), "PretrainRun", "base");
    const name = pod?.metadata.name ?? "";
    expect(pod?.spec.automountServiceAccountToken).toBe(false);
    const inside = (...words: string[]) => ["exec", name, "--namespace", namespace, "--", ...words];
    expect((await world().kubectl(...inside("id", "-u"))).trim()).toBe("65532");
    expect(await world().refused(...inside("ls", "/var/run/secrets/kubernetes.io"))).toContain(
      "No such file",
    );
    expect(await world().refused(...inside("touch", "/opt/tanren/mine"))).toContain("Read-only file system");
    const policies = await world().list(
      Policy,
      "networkpolicies",
      "tanren.dev/kind=PretrainRun,tanren.dev/name=base",
    );
    expect(policies.flatMap(({ spec }) => Object.entries(spec.podSelector.matchLabels))).toContainEqual([
      "tanren.dev/uid",
      pod?.metadata.labels["tanren.dev/uid"],
    ]);
  });

  test("a training pod that is deleted is followed by one that goes on from a checkpoint", async () => {
    const { status } = await underWay(world(), "PretrainRun", "base");
    const [pod] = await runningPods(world(), "PretrainRun", "base");
    await world().kubectl(
      "delete",
      "pod",
      pod?.metadata.name ?? "",
      "--namespace",
      namespace,
      "--wait=false",
    );
    const after = await nextAttempt(world(), "pretrainrun", "base", "train", 2);
    const [first, second] = attemptsAt(after, "train");
    expect(first).toMatchObject({ counted: false });
    expect(second?.resumedFromStep).toBeGreaterThanOrEqual(status.progress?.checkpointStep ?? 1);
    expect(after.status.restarts).toBe(0);
  });

  test("what must not change while a run is under way is refused, with the reason", async () => {
    const patch = JSON.stringify({ spec: { training: { learningRate: "1e-9" } } });
    const words = ["patch", "pretrainrun", "base", "--namespace", namespace, "--type=merge", "-p", patch];
    expect(await world().refused(...words)).toContain("spec.training cannot change once the run has started");
  });

  test("a program that is killed for memory costs one restart", async () => {
    const { status } = await underWay(world(), "PretrainRun", "base");
    const [pod] = await runningPods(world(), "PretrainRun", "base");
    await exhaustMemory(world(), pod?.metadata.name ?? "");
    const after = await nextAttempt(world(), "pretrainrun", "base", "train", 3);
    const [, second, third] = attemptsAt(after, "train");
    expect(second).toMatchObject({ reason: "OutOfMemory", exitCode: 137, counted: true });
    expect(third?.resumedFromStep).toBeGreaterThanOrEqual(status.progress?.checkpointStep ?? 1);
    expect(after.status.restarts).toBe(1);
  });

  test("a kubelet that is silent for a minute costs a run nothing", async () => {
    const before = await underWay(world(), "PretrainRun", "base");
    await whileKubeletIsSilent(world(), () => sleep(60_000));
    await world().wait("pretrainrun/base", "condition=Succeeded");
    const { status } = await world().get(Run, "pretrainrun", "base");
    expect(status.attempts.length).toBe(before.status.attempts.length);
    expect(status.restarts).toBe(1);
  });

  test("a suspended run gives up its pod, and goes on where it was", async () => {
    await underWay(world(), "ContextExtension", "long", { stage: "train" });
    const suspend = (value: boolean) =>
      world().kubectl(
        ...["patch", "contextextension", "long", "--namespace", namespace, "--type=merge"],
        ...["-p", JSON.stringify({ spec: { suspend: value } })],
      );
    await suspend(true);
    await until("no pod of the suspended run", async () => {
      const pods = await world().list(Pod, "pods", "tanren.dev/kind=ContextExtension");
      const run = await world().get(Run, "contextextension", "long");
      const atRest = pods.every(({ status }) => status.phase !== "Running" && status.phase !== "Pending");
      return (atRest && conditionOf(run, "Succeeded")?.reason === "Suspended") || undefined;
    });
    await suspend(false);
    // The same attempt, by another pod: nothing failed.
    const attempts = await until("the run to go on from a checkpoint", async () => {
      const { status } = await world().get(Run, "contextextension", "long");
      return (status.attempts[0]?.resumedFromStep ?? 0) > 0 ? status.attempts : undefined;
    });
    expect(attempts.filter(({ stage }) => stage === "train")).toHaveLength(1);
  });

  test("a drained node gives up operator and run; uncordoned, they go on", async () => {
    await underWay(world(), "ContextExtension", "long", { stage: "train-none" });
    const node = await nodeName(world());
    const before = await operatorPod(world());
    await world().kubectl("drain", node, "--delete-emptydir-data", "--force", "--timeout=90s");
    expect(await runningPods(world(), "ContextExtension", "long")).toEqual([]);
    await world().kubectl("uncordon", node);
    await operatorAfter(world(), before);
    await world().wait("contextextension/long", "condition=Succeeded");
    const { status } = await world().get(Run, "contextextension", "long");
    expect(status.restarts).toBe(0);
    expect(attemptsAt({ metadata: { name: "", uid: "", labels: {} }, status }, "train-none").length).toBe(2);
  });

  test("an API server that is killed under load is waited for", async () => {
    await until(
      "a pod of the AlignmentRun",
      async () => (await runningPods(world(), "AlignmentRun", "assistant"))[0],
    );
    const before = await operatorPod(world());
    await loseApiServer(world(), 15);
    // More objects than the operator works on at once, all changed while it finds its way back.
    await world().kubectl("label", "pretrainruns", "--all", "--namespace", namespace, "seen=again");
    const some = [waiting[0], waiting[29]].map((run) => run?.metadata.name ?? "");
    for (const name of some)
      await world().wait(
        `pretrainrun/${name}`,
        "jsonpath={.status.conditions[?(@.type=='Succeeded')].reason}=InputNotFound",
      );
    await nodeIs(world(), true);
    expect((await operatorPod(world())).metadata.uid).toBe(before.metadata.uid);
  });

  test("an operator that is killed is followed by itself, and the chat model is made", async () => {
    const before = await operatorPod(world());
    killProgram(before.metadata.uid, "operator/manager.ts");
    await operatorAfter(world(), before);
    await world().wait("alignmentrun/assistant", "condition=Succeeded");
    const { status } = await world().get(Run, "alignmentrun", "assistant");
    expect(status.restarts).toBe(0);
    expect(status.stages.map(({ name, state }) => `${name} ${state}`)).toEqual([
      "chat Succeeded",
      "candidates Succeeded",
      "judge Succeeded",
      "dpo Succeeded",
    ]);
  });

  test("the Evaluation is passed", async () => {
    await world().wait("evaluation/assistant", "condition=Succeeded");
    expect(await eventsOf(world(), "Evaluation", "assistant")).toEqual(
      expect.arrayContaining(["StageStarted", "StageCompleted"]),
    );
  });

  // After the chain: while a node is silent, what runs on it is not waited for.
  test("a node that stays silent is named, and given up where the run asks for it", async () => {
    const spec = { training: { tokens: 204_800 }, checkpoints: { everySteps: 20 } };
    await world().apply(
      likeQuickstart("PretrainRun", "lost", { ...spec, failurePolicy: { nodeLostSeconds: 10 } }),
    );
    await underWay(world(), "PretrainRun", "lost");
    const [pod] = await runningPods(world(), "PretrainRun", "lost");
    await whileKubeletIsSilent(world(), async () => {
      const { status } = await until("the end of the attempt on the silent node", async () => {
        const run = await world().get(Run, "pretrainrun", "lost");
        return attemptsAt(run, "train")[0]?.reason === undefined ? undefined : run;
      });
      expect(attemptsAt({ metadata: { name: "", uid: "", labels: {} }, status }, "train")[0]).toMatchObject({
        reason: "PodLost",
        counted: false,
      });
      // Nobody waits for a node that says nothing.
      await until("no pod of the silent node", async () => {
        const pods = await world().list(Pod, "pods", "tanren.dev/kind=PretrainRun,tanren.dev/name=lost");
        return pods.every(({ metadata }) => metadata.uid !== pod?.metadata.uid) || undefined;
      });
    });
    expect(await eventsOf(world(), "PretrainRun", "lost")).toContain("NodeLost");
    const after = await nextAttempt(world(), "pretrainrun", "lost", "train", 2);
    expect(attemptsAt(after, "train")[1]?.resumedFromStep).toBeGreaterThan(0);
    await world().wait("pretrainrun/lost", "condition=Succeeded");
  });
}
