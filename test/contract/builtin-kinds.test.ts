import { expect, test } from "vitest";
import { inferenceDeployment } from "../../operator/api/kinds.ts";
import { microTimestamp } from "../../operator/clock/clock.ts";
import type { PersistentVolumeClaim, Service, Wanted } from "../../operator/cluster/objects.ts";
import { InvalidError } from "../../operator/cluster/port.ts";
import { claims, configMaps, events, jobs, secrets, services } from "../../operator/cluster/resource.ts";
import { controllerReference } from "../../operator/engine/names.ts";
import { overEveryAdapter } from "./every-adapter.ts";
import { aConfigMap, aJob, anEndpoint } from "./objects.ts";
import { given, running, until, untilGone } from "./waiting.ts";

overEveryAdapter("ConfigMaps, Secrets, claims, Services, Events", (world) => {
  const aClaim = (name: string): Wanted<PersistentVolumeClaim> => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name, namespace: world().namespace },
    spec: { accessModes: ["ReadWriteMany"], resources: { requests: { storage: "1Gi" } } },
  });

  test("an immutable ConfigMap keeps its data, and can be said again", async () => {
    const { cluster } = world();
    const map = (a: string) => ({ ...aConfigMap(world(), "config", { a }), immutable: true });
    const made = await cluster.apply(configMaps, map("1"));
    expect(made).toMatchObject({ data: { a: "1" }, immutable: true });
    expect(await cluster.apply(configMaps, map("1"))).toEqual(made);
    const error = await cluster.apply(configMaps, map("2")).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(InvalidError);
    expect((error as InvalidError).causes).toEqual([
      { field: "data", message: expect.stringContaining("field is immutable when `immutable` is set") },
    ]);
  });

  test("a Secret's values are what was stated, in base64", async () => {
    const { cluster, namespace } = world();
    const data = { key: Buffer.from("鍵").toString("base64") };
    await cluster.apply(secrets, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "keys", namespace },
      data,
    });
    expect((await cluster.get(secrets, namespace, "keys"))?.data).toEqual(data);
  });

  test("a claim of several writers is bound, and a Job's pod may use it", async () => {
    const { cluster } = world();
    const made = await cluster.apply(claims, aClaim("shared"));
    expect(made.metadata.deletionTimestamp).toBeUndefined();
    const bound = await until(world(), claims, "shared", ({ status }) => status?.phase === "Bound");
    expect(bound.spec.accessModes).toEqual(["ReadWriteMany"]);
    expect(bound.status?.capacity?.storage).toBe("1Gi");
    await cluster.apply(jobs, aJob(world(), "writer", {}, { claimName: "shared" }));
    const [pod] = await running(world(), "writer", 1);
    await world().finishPod(given(pod), 0);
  });

  test("a claim can be said again once it is bound, and cannot become another", async () => {
    const { cluster } = world();
    await cluster.apply(claims, aClaim("fixed"));
    const bound = await until(world(), claims, "fixed", ({ status }) => status?.phase === "Bound");
    const again = await cluster.apply(claims, aClaim("fixed"));
    expect(again.metadata.resourceVersion).toBe(bound.metadata.resourceVersion);
    const other = { ...aClaim("fixed"), spec: { ...aClaim("fixed").spec, accessModes: ["ReadWriteOnce"] } };
    await expect(cluster.apply(claims, other)).rejects.toBeInstanceOf(InvalidError);
  });

  test("a claim that is deleted stays as long as there is a pod that uses it, even one that has ended", async () => {
    const { cluster } = world();
    await cluster.apply(claims, aClaim("used"));
    const bound = await until(world(), claims, "used", ({ status }) => status?.phase === "Bound");
    const job = await cluster.apply(jobs, aJob(world(), "user", {}, { claimName: "used" }));
    const [pod] = await running(world(), "user", 1);
    await cluster.delete(claims, bound);
    await until(world(), claims, "used", ({ metadata }) => metadata.deletionTimestamp);
    await world().finishPod(given(pod), 0);
    // Who lets claims go has come round since: one that nobody uses and that is deleted later goes.
    await cluster.apply(claims, aClaim("unused"));
    await cluster.delete(
      claims,
      await until(world(), claims, "unused", ({ status }) => status?.phase === "Bound"),
    );
    await untilGone(world(), claims, "unused");
    await until(world(), claims, "used", ({ metadata }) => metadata.deletionTimestamp);
    await cluster.delete(jobs, job);
    await untilGone(world(), claims, "used");
  });

  test("a Service takes its ports and its selector, and lets both be changed", async () => {
    const { cluster, namespace } = world();
    const service = (version: string, port: number): Wanted<Service> => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace },
      spec: { selector: { version }, ports: [{ name: "http", port, targetPort: 8000 }] },
    });
    const made = await cluster.apply(services, service("one", 18_431));
    expect(made.spec).toMatchObject({
      selector: { version: "one" },
      ports: [{ name: "http", port: 18_431, targetPort: 8000 }],
    });
    const moved = await cluster.apply(services, service("two", 18_432));
    expect(moved.metadata.uid).toBe(made.metadata.uid);
    expect(moved.spec.selector).toEqual({ version: "two" });
    expect(moved.spec.ports.map(({ port }) => port)).toEqual([18_432]);
  });

  test("a headless Service that publishes pods before they are ready is kept so", async () => {
    const { cluster, namespace } = world();
    const made = await cluster.apply(services, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "peers", namespace },
      spec: {
        clusterIP: "None",
        publishNotReadyAddresses: true,
        selector: { stage: "train" },
        ports: [{ name: "rendezvous", port: 29_400, targetPort: 29_400 }],
      },
    });
    expect(made.spec).toMatchObject({ clusterIP: "None", publishNotReadyAddresses: true });
  });

  test("an Event about an object of ours is kept as it was said, and said again changes nothing", async () => {
    const { cluster, namespace } = world();
    const endpoint = await cluster.apply(inferenceDeployment.resource, anEndpoint(world(), "told"));
    const { name, uid, apiVersion, kind } = controllerReference(endpoint);
    const event = {
      apiVersion: "events.k8s.io/v1" as const,
      kind: "Event" as const,
      metadata: { name: "told.0123456789abcdef", namespace },
      type: "Warning" as const,
      reason: "RolloutFailed",
      action: "Reconcile",
      note: "長".repeat(300),
      regarding: { apiVersion, kind, namespace, name, uid },
      reportingController: "tanren.dev/operator",
      reportingInstance: "test",
      eventTime: microTimestamp(new Date("2026-01-01T00:00:00.123Z")),
    };
    const { metadata: _, ...said } = { ...event, eventTime: "2026-01-01T00:00:00.123000Z" };
    const made = await cluster.apply(events, { ...event, eventTime: microTimestamp(new Date()) });
    expect(made).toMatchObject({ ...said, eventTime: made.eventTime });
    expect(made.eventTime).toMatch(/\.\d{6}Z$/);
    const again = await cluster.apply(events, { ...event, eventTime: made.eventTime });
    expect(again.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
    const about = (uid: string) => cluster.list(events, { namespace, fields: { "regarding.uid": uid } });
    expect((await about(uid)).map(({ metadata }) => metadata.name)).toEqual([event.metadata.name]);
    expect(await about("another")).toEqual([]);
  });
});
