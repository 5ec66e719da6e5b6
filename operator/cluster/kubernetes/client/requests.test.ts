import { expect, test } from "vitest";
import {
  aList,
  anObject,
  connected,
  FakeApiServer,
  json,
  stored,
  wanted,
} from "../../../testing/api-server.ts";
import type { Event, Wanted } from "../../objects.ts";
import { configMaps, events, jobs } from "../../resource.ts";

/** What went over the wire, without what every request has. */
const wire = (server: FakeApiServer) =>
  server.requests.map(({ method, path, query, headers, body }) => ({
    method,
    path,
    query,
    ...(headers["content-type"] && { type: headers["content-type"] }),
    ...(body !== undefined && { body }),
  }));

test("every call of the port is these bytes", async () => {
  const server = await FakeApiServer.start(({ method, path }, response) => {
    if (path.endsWith("/log")) response.end("hello");
    else if (method === "GET" && path.endsWith("configmaps")) json(response, 200, aList(9, [stored]));
    else json(response, 200, { ...stored, spec: { containers: [{ name: "kernel" }] } });
  });
  const { cluster } = connected(server);
  await cluster.get(configMaps, "team", "a");
  await cluster.list(configMaps, { namespace: "team", labels: { "tanren.dev/uid": "1", b: "c" } });
  await cluster.list(configMaps);
  await cluster.apply(configMaps, wanted);
  await cluster.tryApply(configMaps, wanted);
  await cluster.updateStatus(jobs, anObject("a", 5) as never);
  await cluster.setFinalizer(configMaps, stored, "tanren.dev/in-use", true);
  await cluster.delete(configMaps, stored);
  for await (const piece of cluster.logs("team", "a", { tailLines: 3 })) expect(piece).toBe("hello");
  const apply = { fieldManager: "tanren", force: "true", fieldValidation: "Strict", timeout: "30s" };
  const at = "/api/v1/namespaces/team/configmaps/a";
  expect(wire(server)).toEqual([
    { method: "GET", path: at, query: {} },
    {
      method: "GET",
      path: "/api/v1/namespaces/team/configmaps",
      query: { labelSelector: "tanren.dev/uid=1,b=c" },
    },
    { method: "GET", path: "/api/v1/configmaps", query: {} },
    { method: "PATCH", path: at, query: apply, type: "application/apply-patch+yaml", body: wanted },
    {
      method: "PATCH",
      path: at,
      query: { ...apply, dryRun: "All" },
      type: "application/apply-patch+yaml",
      body: wanted,
    },
    {
      method: "PUT",
      path: "/apis/batch/v1/namespaces/team/jobs/a/status",
      query: { fieldManager: "tanren", timeout: "30s" },
      type: "application/json",
      body: anObject("a", 5),
    },
    {
      method: "PATCH",
      path: at,
      query: { fieldManager: "tanren", timeout: "30s" },
      type: "application/merge-patch+json",
      body: { metadata: { uid: "uid-a", resourceVersion: "5", finalizers: ["tanren.dev/in-use"] } },
    },
    {
      method: "DELETE",
      path: at,
      query: { timeout: "30s" },
      type: "application/json",
      body: {
        apiVersion: "v1",
        kind: "DeleteOptions",
        preconditions: { uid: "uid-a" },
        propagationPolicy: "Background",
      },
    },
    { method: "GET", path: "/api/v1/namespaces/team/pods/a", query: {} },
    {
      method: "GET",
      path: "/api/v1/namespaces/team/pods/a/log",
      query: { container: "kernel", tailLines: "3" },
    },
  ]);
  expect(server.connections, "connections are used again").toBe(1);
});

test("an Event keeps its six digits", async () => {
  const server = await FakeApiServer.start(({ body }, response) =>
    json(response, 201, { ...anObject("e", 1), ...(body as object), metadata: anObject("e", 1).metadata }),
  );
  const { cluster } = connected(server);
  const event: Wanted<Event> = {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: wanted.metadata,
    type: "Normal",
    reason: "Completed",
    action: "Reconcile",
    note: "all is well",
    regarding: { apiVersion: "v1", kind: "ConfigMap", namespace: "team", name: "a", uid: "uid-a" },
    reportingController: "tanren.dev/operator",
    reportingInstance: "test",
    eventTime: "2026-01-01T00:00:00.000000Z",
  };
  await cluster.apply(events, event);
  expect(server.requests).toMatchObject([
    {
      path: "/apis/events.k8s.io/v1/namespaces/team/events/a",
      body: { eventTime: "2026-01-01T00:00:00.000000Z" },
    },
  ]);
});

test("what nobody reads is dropped, and what a list leaves out is put in", async () => {
  const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "{}" };
  const fat = anObject("a", 5, { managedFields: [{ manager: "kubectl" }], annotations } as never);
  const server = await FakeApiServer.start((_, response) => json(response, 200, aList(9, [fat])));
  const { cluster } = connected(server);
  const thin = { ...anObject("a", 5) };
  expect(await cluster.list(configMaps)).toEqual([thin]);
});
