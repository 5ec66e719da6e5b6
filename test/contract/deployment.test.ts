import { expect, test } from "vitest";
import { findCondition, isTrue } from "../../operator/cluster/conditions.ts";
import type { Deployment, Pod } from "../../operator/cluster/objects.ts";
import { InvalidError } from "../../operator/cluster/port.ts";
import { deployments, pods } from "../../operator/cluster/resource.ts";
import { overEveryAdapter } from "./every-adapter.ts";
import { aDeployment } from "./objects.ts";
import { eventually, given, isRunning, podsLeft, until, untilGone } from "./waiting.ts";
import type { World } from "./world.ts";

/** The Deployment's figures; the API server leaves out those that are zero. */
function figures({ status = {} }: Deployment) {
  const { replicas = 0, updatedReplicas = 0, readyReplicas = 0, availableReplicas = 0 } = status;
  return { replicas, updatedReplicas, readyReplicas, availableReplicas };
}

const all = (count: number) => ({
  replicas: count,
  updatedReplicas: count,
  readyReplicas: count,
  availableReplicas: count,
});

const isReady = ({ metadata, status }: Pod) =>
  metadata.deletionTimestamp === undefined && isTrue(status?.conditions, "Ready");

/** Pods of the Deployment that are not asked to stop, of one version or of all. */
async function podsOf({ cluster, namespace }: World, name: string, version?: string): Promise<Pod[]> {
  const labels = { "tanren.dev/uid": name, ...(version !== undefined && { "tanren.dev/config": version }) };
  const found = await cluster.list(pods, { namespace, labels });
  return found.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** Gets the pods of a version ready, one by one as they come, until so many are. */
async function ready(world: World, name: string, version: string, count: number): Promise<void> {
  const told = new Set<string>();
  await eventually(async () => {
    const own = (await podsOf(world, name, version)).filter(isRunning);
    for (const pod of own.filter(({ metadata }) => !told.has(metadata.uid))) {
      told.add(pod.metadata.uid);
      await world.setReady(pod, true);
    }
    return own.filter(isReady).length === count;
  }, `${count} pods of ${name} ${version} are ready`);
}

function rolledOut(world: World, name: string, generation: number, count: number): Promise<Deployment> {
  return until(
    world,
    deployments,
    name,
    (deployment) =>
      deployment.status?.observedGeneration === generation &&
      Object.values(figures(deployment)).every((figure) => figure === count),
  );
}

overEveryAdapter("Deployments", (world) => {
  test("are available when enough pods are ready, and rolled out when all are", async () => {
    const { cluster } = world();
    const made = await cluster.apply(deployments, aDeployment(world(), "web", "one"));
    expect(made.metadata.generation).toBe(1);
    const rolling = await until(
      world(),
      deployments,
      "web",
      (deployment) => figures(deployment).replicas === 2,
    );
    expect(figures(rolling)).toMatchObject({ updatedReplicas: 2, readyReplicas: 0, availableReplicas: 0 });
    const progressing = findCondition(rolling.status?.conditions, "Progressing");
    expect(progressing).toMatchObject({ status: "True" });
    expect(progressing?.reason).not.toBe("NewReplicaSetAvailable");
    expect(isTrue(rolling.status?.conditions, "Available")).toBe(false);
    await ready(world(), "web", "one", 2);
    const done = await rolledOut(world(), "web", 1, 2);
    expect(findCondition(done.status?.conditions, "Available")).toMatchObject({
      status: "True",
      reason: "MinimumReplicasAvailable",
    });
    await until(
      world(),
      deployments,
      "web",
      ({ status }) => findCondition(status?.conditions, "Progressing")?.reason === "NewReplicaSetAvailable",
    );
    for (const pod of await podsOf(world(), "web")) {
      expect(pod.metadata.labels).toMatchObject({ "tanren.dev/uid": "web", "tanren.dev/config": "one" });
      expect(pod.metadata.annotations).toMatchObject({ "tanren.dev/artifact-digest": "one" });
      expect(pod.metadata.ownerReferences?.filter(({ controller }) => controller)).toHaveLength(1);
      expect(pod.metadata.name).toMatch(/^web-/);
    }
  });

  // How many there are is bound while none of the new ones is ready (below): after that the controller makes
  // a new pod when it has told an old one to go, not when that is on its way.
  test("a new template takes over pod by pod: never fewer are ready than wanted", async () => {
    const { cluster, namespace } = world();
    await cluster.apply(deployments, aDeployment(world(), "rolls", "one"));
    await ready(world(), "rolls", "one", 2);
    await rolledOut(world(), "rolls", 1, 2);
    const living = new Map<string, Pod>();
    let fewest = Number.POSITIVE_INFINITY;
    const watch = cluster.watch(
      pods,
      { namespace, labels: { "tanren.dev/uid": "rolls" } },
      ({ type, object }) => {
        if (type === "DELETED" || object.metadata.deletionTimestamp) living.delete(object.metadata.uid);
        else living.set(object.metadata.uid, object);
        if (living.size >= 2) fewest = Math.min(fewest, [...living.values()].filter(isReady).length);
      },
    );
    await watch.synced;
    fewest = Number.POSITIVE_INFINITY;
    await cluster.apply(deployments, aDeployment(world(), "rolls", "two"));
    await ready(world(), "rolls", "two", 2);
    const done = await rolledOut(world(), "rolls", 2, 2);
    watch.close();
    expect(isTrue(done.status?.conditions, "Available")).toBe(true);
    await podsLeft(() => podsOf(world(), "rolls"), 2);
    expect(await podsOf(world(), "rolls", "one")).toEqual([]);
    expect(fewest).toBe(2);
  });

  test("a new template that never gets ready leaves the old pods, says so past its deadline, and can be taken back", async () => {
    const { cluster } = world();
    const deployment = (version: string) =>
      aDeployment(world(), "stuck", version, { progressDeadlineSeconds: 4 });
    await cluster.apply(deployments, deployment("good"));
    await ready(world(), "stuck", "good", 2);
    await rolledOut(world(), "stuck", 1, 2);
    const before = await podsOf(world(), "stuck", "good");
    await cluster.apply(deployments, deployment("bad"));
    const stuck = await until(
      world(),
      deployments,
      "stuck",
      ({ status }) => findCondition(status?.conditions, "Progressing")?.status === "False",
    );
    expect(findCondition(stuck.status?.conditions, "Progressing")?.reason).toBe("ProgressDeadlineExceeded");
    expect(stuck.status?.observedGeneration).toBe(2);
    expect(figures(stuck)).toEqual({
      replicas: 3,
      updatedReplicas: 1,
      readyReplicas: 2,
      availableReplicas: 2,
    });
    expect(isTrue(stuck.status?.conditions, "Available")).toBe(true);
    await cluster.apply(deployments, deployment("good"));
    const healed = await rolledOut(world(), "stuck", 3, 2);
    expect(isTrue(healed.status?.conditions, "Available")).toBe(true);
    const uids = (found: Pod[]) => found.map(({ metadata }) => metadata.uid).toSorted();
    expect(uids(await podsLeft(() => podsOf(world(), "stuck"), 2))).toEqual(uids(before));
  });

  /** Looks at every change of the Deployment's pods until it is told to stop. */
  async function observing(name: string, look: (living: Pod[]) => void): Promise<() => void> {
    const { cluster, namespace } = world();
    const living = new Map<string, Pod>();
    const watch = cluster.watch(
      pods,
      { namespace, labels: { "tanren.dev/uid": name } },
      ({ type, object }) => {
        if (type === "DELETED") living.delete(object.metadata.uid);
        else living.set(object.metadata.uid, object);
        look([...living.values()]);
      },
    );
    await watch.synced;
    return () => watch.close();
  }

  test("with maxSurge 0 a replica goes before the next one comes, and no more than maxUnavailable are missing", async () => {
    const { cluster } = world();
    const deployment = (version: string) =>
      aDeployment(world(), "tight", version, {
        strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      });
    await cluster.apply(deployments, deployment("one"));
    await ready(world(), "tight", "one", 2);
    await rolledOut(world(), "tight", 1, 2);
    let most = 0;
    let fewest = Number.POSITIVE_INFINITY;
    const stop = await observing("tight", (all) => {
      const living = all.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      most = Math.max(most, living.length);
      if (living.length >= 2) fewest = Math.min(fewest, living.filter(isReady).length);
    });
    fewest = Number.POSITIVE_INFINITY;
    await cluster.apply(deployments, deployment("two"));
    await ready(world(), "tight", "two", 2);
    const done = await rolledOut(world(), "tight", 2, 2);
    stop();
    expect(isTrue(done.status?.conditions, "Available")).toBe(true);
    expect(await podsOf(world(), "tight", "one")).toEqual([]);
    expect({ most, fewest }).toEqual({ most: 2, fewest: 1 });
  });

  test("Recreate never has pods of two templates, and is not available in between", async () => {
    const { cluster } = world();
    const deployment = (version: string) =>
      aDeployment(world(), "anew", version, { strategy: { type: "Recreate" } });
    await cluster.apply(deployments, deployment("one"));
    await ready(world(), "anew", "one", 2);
    await rolledOut(world(), "anew", 1, 2);
    const together = new Set<string>();
    const stop = await observing("anew", (all) => {
      const running = all.filter(({ status }) => status?.phase !== "Succeeded" && status?.phase !== "Failed");
      const versions = new Set(running.map(({ metadata }) => metadata.labels?.["tanren.dev/config"]));
      together.add([...versions].toSorted().join(" and "));
    });
    await cluster.apply(deployments, deployment("two"));
    const between = await until(
      world(),
      deployments,
      "anew",
      (now) => now.status?.observedGeneration === 2 && figures(now).availableReplicas === 0,
    );
    expect(findCondition(between.status?.conditions, "Available")).toMatchObject({ status: "False" });
    const [first] = await eventually(async () => {
      const own = (await podsOf(world(), "anew", "two")).filter(isRunning);
      return own.length === 2 && own;
    }, "both pods of the second version run");
    await world().setReady(given(first), true);
    const half = await until(world(), deployments, "anew", (now) => figures(now).availableReplicas === 1);
    expect(isTrue(half.status?.conditions, "Available")).toBe(false);
    await ready(world(), "anew", "two", 2);
    await rolledOut(world(), "anew", 2, 2);
    stop();
    expect([...together].filter((versions) => versions.includes(" and "))).toEqual([]);
    expect(together).toContain("two");
  });

  test("a surge pod that finds no place gives way when the strategy lets a replica go first", async () => {
    const { cluster } = world();
    const deployment = (version: string, maxSurge: number) =>
      aDeployment(world(), "freed", version, {
        replicas: 1,
        strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge, maxUnavailable: 1 - maxSurge } },
      });
    await cluster.apply(deployments, deployment("one", 1));
    await ready(world(), "freed", "one", 1);
    await rolledOut(world(), "freed", 1, 1);
    await cluster.apply(deployments, deployment("two", 1));
    await until(world(), deployments, "freed", (now) => figures(now).replicas === 2);
    await cluster.apply(deployments, deployment("two", 0));
    await eventually(
      async () => (await podsOf(world(), "freed", "one")).length === 0,
      "the old replica goes although the new one is not ready",
    );
    await ready(world(), "freed", "two", 1);
    await rolledOut(world(), "freed", 3, 1);
  });

  test("scale up, down and to nothing", async () => {
    const { cluster } = world();
    const deployment = (replicas: number) => aDeployment(world(), "scales", "one", { replicas });
    await cluster.apply(deployments, deployment(1));
    await ready(world(), "scales", "one", 1);
    await rolledOut(world(), "scales", 1, 1);
    const [first] = await podsOf(world(), "scales");
    await cluster.apply(deployments, deployment(3));
    const growing = await until(world(), deployments, "scales", (now) => figures(now).replicas === 3);
    expect(figures(growing).readyReplicas).toBe(1);
    await ready(world(), "scales", "one", 3);
    await rolledOut(world(), "scales", 2, 3);
    await cluster.apply(deployments, deployment(2));
    await rolledOut(world(), "scales", 3, 2);
    expect(
      (await podsLeft(() => podsOf(world(), "scales"), 2)).map(({ metadata }) => metadata.uid),
    ).toContain(given(first).metadata.uid);
    await cluster.apply(deployments, deployment(0));
    const empty = await rolledOut(world(), "scales", 4, 0);
    expect(figures(empty)).toEqual(all(0));
    await podsLeft(() => podsOf(world(), "scales"), 0);
  });

  test("a pod that is ready no more is counted so and comes back; a lost one is replaced", async () => {
    const { cluster } = world();
    await cluster.apply(deployments, aDeployment(world(), "wavers", "one", { replicas: 1 }));
    await ready(world(), "wavers", "one", 1);
    await rolledOut(world(), "wavers", 1, 1);
    const [pod] = (await podsOf(world(), "wavers")).map(given);
    await world().setReady(given(pod), false);
    const down = await until(world(), deployments, "wavers", (now) => figures(now).availableReplicas === 0);
    expect(figures(down)).toMatchObject({ replicas: 1, readyReplicas: 0 });
    expect(findCondition(down.status?.conditions, "Available")).toMatchObject({
      status: "False",
      reason: "MinimumReplicasUnavailable",
    });
    await world().setReady(given(pod), true);
    await rolledOut(world(), "wavers", 1, 1);
    await cluster.delete(pods, given(pod));
    await ready(world(), "wavers", "one", 1);
    await rolledOut(world(), "wavers", 1, 1);
    expect((await podsLeft(() => podsOf(world(), "wavers"), 1))[0]?.metadata.uid).not.toBe(
      given(pod).metadata.uid,
    );
  });

  test("said again changes nothing; the selector cannot change", async () => {
    const { cluster } = world();
    await cluster.apply(deployments, aDeployment(world(), "said", "one", { replicas: 1 }));
    await ready(world(), "said", "one", 1);
    await rolledOut(world(), "said", 1, 1);
    const again = await cluster.apply(deployments, aDeployment(world(), "said", "one", { replicas: 1 }));
    expect(again.metadata.generation).toBe(1);
    const other = aDeployment(world(), "said", "one", { replicas: 1 });
    const labels = { "tanren.dev/uid": "another" };
    const template = { ...other.spec.template, metadata: { labels } };
    const changed = { ...other, spec: { ...other.spec, selector: { matchLabels: labels }, template } };
    const error = await cluster.apply(deployments, changed).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(InvalidError);
    expect((error as InvalidError).causes.map(({ field }) => field)).toEqual(["spec.selector"]);
  });

  test("deleting one takes its pods along", async () => {
    const { cluster } = world();
    const made = await cluster.apply(deployments, aDeployment(world(), "dropped", "one"));
    const own = await eventually(async () => {
      const found = (await podsOf(world(), "dropped")).filter(isRunning);
      return found.length === 2 && found;
    }, "two pods run");
    await cluster.delete(deployments, made);
    await untilGone(world(), deployments, "dropped");
    for (const pod of own) await untilGone(world(), pods, pod.metadata.name);
  });
});
