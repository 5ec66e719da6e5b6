import { expect, test } from "vitest";
import { inferenceDeployment, pretrainRun } from "../../operator/api/kinds.ts";
import type { OwnerReference } from "../../operator/cluster/objects.ts";
import { InvalidError } from "../../operator/cluster/port.ts";
import { configMaps, jobs, pods } from "../../operator/cluster/resource.ts";
import { controllerReference } from "../../operator/engine/names.ts";
import { overEveryAdapter } from "./every-adapter.ts";
import { aConfigMap, aJob, anEndpoint, aRun } from "./objects.ts";
import { given, running, until, untilGone } from "./waiting.ts";

const endpoints = inferenceDeployment.resource;
const runs = pretrainRun.resource;
const [ours, theirs] = ["tanren.dev/in-use", "example.dev/archive"];

overEveryAdapter("deletion", (world) => {
  test("takes the object away; of what is gone already it is no error", async () => {
    const { cluster, namespace } = world();
    const made = await cluster.apply(endpoints, anEndpoint(world(), "simple"));
    await cluster.delete(endpoints, made);
    expect(await cluster.get(endpoints, namespace, "simple")).toBeUndefined();
    await cluster.delete(endpoints, made);
  });

  test("means the very object: a namesake born later survives", async () => {
    const { cluster, namespace } = world();
    const first = await cluster.apply(configMaps, aConfigMap(world(), "namesake"));
    await cluster.delete(configMaps, first);
    const second = await cluster.apply(configMaps, aConfigMap(world(), "namesake"));
    await cluster.delete(configMaps, first);
    expect(await cluster.get(configMaps, namespace, "namesake")).toEqual(second);
  });

  test("waits for a finalizer, which leaves spec and others' finalizers alone and can be said again", async () => {
    const { cluster, namespace } = world();
    const made = await cluster.apply(endpoints, anEndpoint(world(), "held"));
    const one = given(await cluster.setFinalizer(endpoints, made, ours, true));
    expect(one.metadata).toMatchObject({ finalizers: [ours], generation: 1 });
    expect(await cluster.setFinalizer(endpoints, made, ours, true)).toEqual(one);
    const two = given(await cluster.setFinalizer(endpoints, made, theirs, true));
    expect(two.metadata.finalizers?.toSorted()).toEqual([theirs, ours].toSorted());
    const applied = await cluster.apply(endpoints, anEndpoint(world(), "held", { replicas: 2 }));
    expect(applied.metadata.finalizers?.toSorted()).toEqual([theirs, ours].toSorted());
    await cluster.delete(endpoints, applied);
    const leaving = given(await cluster.get(endpoints, namespace, "held"));
    expect(leaving.metadata.deletionTimestamp).toMatch(/Z$/);
    await cluster.delete(endpoints, leaving);
    expect(await cluster.get(endpoints, namespace, "held")).toEqual(leaving);
    const left = await cluster.setFinalizer(endpoints, leaving, theirs, false);
    expect(left?.metadata).toMatchObject({
      finalizers: [ours],
      deletionTimestamp: leaving.metadata.deletionTimestamp,
    });
    await cluster.setFinalizer(endpoints, leaving, ours, false);
    expect(await cluster.get(endpoints, namespace, "held")).toBeUndefined();
    expect(await cluster.setFinalizer(endpoints, leaving, ours, false)).toBeUndefined();
  });

  test("under way still lets status be written, and lets no new finalizer on", async () => {
    const { cluster, namespace } = world();
    const made = await cluster.apply(endpoints, anEndpoint(world(), "leaving"));
    await cluster.setFinalizer(endpoints, made, ours, true);
    await cluster.delete(endpoints, made);
    const leaving = given(await cluster.get(endpoints, namespace, "leaving"));
    const told = await cluster.updateStatus(endpoints, { ...leaving, status: { readyReplicas: 1 } });
    expect(told.status).toEqual({ readyReplicas: 1 });
    const late = cluster.setFinalizer(endpoints, told, theirs, true);
    await expect(late).rejects.toBeInstanceOf(InvalidError);
    const again = await cluster.setFinalizer(endpoints, told, ours, true);
    expect(again?.metadata.finalizers).toEqual([ours]);
    await cluster.setFinalizer(endpoints, told, ours, false);
    await untilGone(world(), endpoints, "leaving");
  });

  test("a finalizer set on a namesake's memory touches nothing", async () => {
    const { cluster, namespace } = world();
    const first = await cluster.apply(endpoints, anEndpoint(world(), "other"));
    await cluster.delete(endpoints, first);
    expect(await cluster.setFinalizer(endpoints, first, ours, true)).toBeUndefined();
    const second = await cluster.apply(endpoints, anEndpoint(world(), "other"));
    expect(await cluster.setFinalizer(endpoints, first, ours, true)).toBeUndefined();
    expect(await cluster.get(endpoints, namespace, "other")).toEqual(second);
  });

  test("of an owner takes its children and theirs along, and nothing else", async () => {
    const { cluster, namespace } = world();
    const run = await cluster.apply(runs, aRun(world(), "owner"));
    const ownerReferences = [controllerReference(run)];
    await cluster.apply(configMaps, aConfigMap(world(), "owned", {}, { ownerReferences }));
    await cluster.apply(configMaps, aConfigMap(world(), "bystander"));
    const job = aJob(world(), "owned");
    const made = await cluster.apply(jobs, { ...job, metadata: { ...job.metadata, ownerReferences } });
    expect(made.metadata.ownerReferences).toEqual(ownerReferences);
    const [pod] = await running(world(), "owned", 1);
    await cluster.delete(runs, run);
    await untilGone(world(), runs, "owner");
    await untilGone(world(), configMaps, "owned");
    await untilGone(world(), jobs, "owned");
    await untilGone(world(), pods, given(pod).metadata.name);
    expect(await cluster.get(configMaps, namespace, "bystander")).toBeDefined();
  });

  test("children go only when their owner is gone, not while a finalizer holds it", async () => {
    const { cluster } = world();
    const run = await cluster.apply(runs, aRun(world(), "lingering"));
    const held = given(await cluster.setFinalizer(runs, run, ours, true));
    const ownerReferences = [controllerReference(run)];
    await cluster.apply(configMaps, aConfigMap(world(), "lingering", {}, { ownerReferences }));
    await cluster.delete(runs, held);
    const leaving = await until(world(), runs, "lingering", ({ metadata }) => metadata.deletionTimestamp);
    // The garbage collector has come round since: the child of an owner that is deleted later goes.
    const later = await cluster.apply(configMaps, aConfigMap(world(), "later"));
    const child = aConfigMap(
      world(),
      "child-of-later",
      {},
      { ownerReferences: [controllerReference(later)] },
    );
    await cluster.apply(configMaps, child);
    await cluster.delete(configMaps, later);
    await untilGone(world(), configMaps, "child-of-later");
    await until(world(), configMaps, "lingering", ({ metadata }) => metadata.deletionTimestamp === undefined);
    await cluster.setFinalizer(runs, leaving, ours, false);
    await untilGone(world(), configMaps, "lingering");
  });

  test("a child of an owner that is not there any more, or never was, is collected", async () => {
    const { cluster } = world();
    const gone = await cluster.apply(configMaps, aConfigMap(world(), "parent"));
    await cluster.delete(configMaps, gone);
    const namesake = await cluster.apply(configMaps, aConfigMap(world(), "parent"));
    const child = (name: string, ...ownerReferences: OwnerReference[]) =>
      cluster.apply(configMaps, aConfigMap(world(), name, {}, { ownerReferences }));
    await child("orphan", controllerReference(gone));
    await child("kept", controllerReference(namesake));
    await untilGone(world(), configMaps, "orphan");
    await until(world(), configMaps, "kept", ({ metadata }) => metadata.deletionTimestamp === undefined);
  });

  test("of a pod asks its program to stop and waits for it, at most its grace period", async () => {
    const { cluster } = world();
    await cluster.apply(jobs, aJob(world(), "stopped", { backoffLimit: 6 }));
    const [pod] = (await running(world(), "stopped", 1)).map(given);
    await world().holdPod(given(pod));
    const before = Date.now();
    await cluster.delete(pods, given(pod));
    const leaving = await until(
      world(),
      pods,
      given(pod).metadata.name,
      ({ metadata }) => metadata.deletionTimestamp,
    );
    const grace = Date.parse(leaving.metadata.deletionTimestamp ?? "") - before;
    expect(grace).toBeGreaterThan(28_000);
    expect(grace).toBeLessThan(33_000);
    await world().finishPod(leaving, 143);
    await untilGone(world(), pods, leaving.metadata.name);
  });
});
