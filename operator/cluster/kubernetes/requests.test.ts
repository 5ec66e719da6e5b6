import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ConfigMap, Event, Pod } from "../objects.ts";
import { ConflictError, InvalidError, NotFoundError } from "../port.ts";
import { configMaps, events, jobs, pods } from "../resource.ts";
import { ForbiddenError, UnauthorizedError, UnknownKindError, UnreachableError } from "./index.ts";
import { aList, anObject, connected, json, Loopback, refusal, until } from "./loopback.ts";
import { certificates } from "./loopback-certificates.ts";

const wanted = {
  apiVersion: "v1" as const,
  kind: "ConfigMap" as const,
  metadata: { name: "a", namespace: "team", labels: { made: "here" } },
  data: { x: "1" },
};
const held = anObject("a", 5) as ConfigMap;

/** What went over the wire, without what every request has. */
const wire = (server: Loopback) =>
  server.seen.map(({ method, path, query, headers, body }) => ({
    method,
    path,
    query,
    ...(headers["content-type"] && { type: headers["content-type"] }),
    ...(body !== undefined && { body }),
  }));

test("every call of the port is these bytes", async () => {
  const server = await Loopback.start(({ method, path }, response) => {
    if (path.endsWith("/log")) response.end("hello");
    else if (method === "GET" && path.endsWith("configmaps")) json(response, 200, aList(9, [held]));
    else json(response, 200, { ...held, spec: { containers: [{ name: "kernel" }] } });
  });
  const { cluster } = connected(server);
  await cluster.get(configMaps, "team", "a");
  await cluster.list(configMaps, { namespace: "team", labels: { "tanren.dev/uid": "1", b: "c" } });
  await cluster.list(configMaps);
  await cluster.apply(configMaps, wanted);
  await cluster.tryApply(configMaps, wanted);
  await cluster.updateStatus(jobs, anObject("a", 5) as never);
  await cluster.setFinalizer(configMaps, held, "tanren.dev/in-use", true);
  await cluster.delete(configMaps, held);
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
    { method: "GET", path: "/api/v1/namespaces/team/pods/a/log", query: { container: "kernel", tailLines: "3" } },
  ]);
  expect(server.connections, "connections are used again").toBe(1);
});

test("what nobody reads is dropped, and what a list leaves out is put in", async () => {
  const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "{}" };
  const fat = anObject("a", 5, { managedFields: [{ manager: "kubectl" }], annotations } as never);
  const server = await Loopback.start((_, response) => json(response, 200, aList(9, [fat])));
  const { cluster } = connected(server);
  const thin = { ...anObject("a", 5) };
  expect(await cluster.list(configMaps)).toEqual([thin]);
});

test.each([
  [
    404,
    refusal(404, "NotFound", 'configmaps "a" not found', { name: "a", kind: "configmaps" }),
    NotFoundError,
    "ConfigMap team/a does not exist",
  ],
  [
    404,
    refusal(404, "NotFound", 'namespaces "team" not found', { name: "team", kind: "namespaces" }),
    NotFoundError,
    "namespace team does not exist; create it first",
  ],
  [404, "404 page not found", UnknownKindError, "does not serve configmaps of v1; install"],
  [
    409,
    refusal(409, "Conflict", "the object has been modified"),
    ConflictError,
    "ConfigMap team/a: the object has been modified",
  ],
  [401, refusal(401, "Unauthorized", "Unauthorized"), UnauthorizedError, "does not know who is asking"],
  [
    403,
    refusal(403, "Forbidden", 'User "x" cannot patch resource "configmaps" in API group ""'),
    ForbiddenError,
    'not allowed to patch configmaps in namespace team; grant the verb patch on configmaps of API group ""',
  ],
  [
    403,
    refusal(403, "Forbidden", "exceeded quota: count/configmaps=1"),
    ForbiddenError,
    "cannot patch configmaps in namespace team: exceeded quota",
  ],
  [
    422,
    refusal(422, "Invalid", "invalid", {
      causes: [
        { field: "data", message: "too long" },
        { field: "<nil>", message: "some validation rules were not checked because of it" },
      ],
    }),
    InvalidError,
    /^ConfigMap team\/a: data: too long$/,
  ],
  [
    400,
    refusal(400, "BadRequest", 'strict decoding error: unknown field "spec.foo", unknown field "bar"'),
    InvalidError,
    "spec.foo: unknown field; bar: unknown field",
  ],
  [
    500,
    refusal(
      500,
      "",
      "failed to create typed patch object (team/a; v1, Kind=ConfigMap): .data.x: expected string, got 1",
    ),
    InvalidError,
    "data.x: expected string, got 1",
  ],
  [
    500,
    refusal(500, "InternalError", "etcd is away"),
    Error,
    "patch ConfigMap team/a: the API server answers 500: etcd is away",
  ],
])("an answer of %i is told as what it means: %o", async (code, body, kind, sentence) => {
  const server = await Loopback.start((_, response) =>
    typeof body === "string" ? void response.writeHead(code).end(body) : json(response, code, body),
  );
  const { cluster } = connected(server);
  const failure = await cluster.apply(configMaps, wanted).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(kind);
  expect((failure as Error).message).toMatch(sentence);
});

test("a missing object is undefined, a missing kind is not", async () => {
  const server = await Loopback.start((_, response) =>
    json(response, 404, refusal(404, "NotFound", "not found", { name: "a" })),
  );
  const { cluster } = connected(server);
  expect(await cluster.get(configMaps, "team", "a")).toBeUndefined();
  server.answer = (_, response) => void response.writeHead(404).end("404 page not found");
  await expect(cluster.get(configMaps, "team", "a")).rejects.toThrow(UnknownKindError);
});

test("a server that asks for patience gets as much as it asks for, and not for ever", async () => {
  const server = await Loopback.start((_, response) =>
    json(response, 429, refusal(429, "TooManyRequests", "later"), { "retry-after": "2" }),
  );
  const { cluster, clock } = connected(server);
  const refused = cluster.list(configMaps).catch((error: Error) => error.message);
  await until(() => server.seen.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 30));
  clock.advance(1_999);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(server.seen).toHaveLength(1);
  for (const tries of [2, 3, 4]) {
    await until(() => {
      clock.advance(250);
      return server.seen.length === tries;
    });
  }
  expect(await refused).toMatch("the API server answers 429: later");
  server.answer = (_, response) =>
    json(response, 503, refusal(503, "ServiceUnavailable", "starting"), { "retry-after": "1" });
  const served = cluster.list(configMaps);
  await until(() => server.seen.length === 5);
  server.answer = (_, response) => json(response, 200, aList(1, []));
  await until(() => {
    clock.advance(250);
    return server.seen.length === 6;
  });
  expect(await served).toEqual([]);
});

test("a request that is not answered ends, as one to nobody does", async () => {
  const server = await Loopback.start(() => {});
  const { cluster, clock } = connected(server, { writeTimeoutSeconds: 4 });
  const refused = cluster.apply(configMaps, wanted).catch((error: unknown) => error);
  await until(() => server.seen.length === 1);
  expect(server.seen[0]?.query.timeout).toBe("4s");
  clock.advance(4_000);
  const failure = await refused;
  expect(failure).toBeInstanceOf(UnreachableError);
  expect(String(failure)).toMatch(/no answer from the API server http:.* to PATCH .*: no answer within 4 s/);
  await server.close();
  await expect(cluster.list(configMaps)).rejects.toThrow(/ECONNREFUSED/);
});

test("a connection that the server closed meanwhile is no failure", async () => {
  const server = await Loopback.start((_, response) => json(response, 200, aList(1, [])));
  const { cluster } = connected(server);
  await cluster.list(configMaps);
  let first = true;
  server.answer = (_, response) => {
    if (first) response.socket?.resetAndDestroy();
    else json(response, 200, aList(1, []));
    first = false;
  };
  expect(await cluster.list(configMaps)).toEqual([]);
});

test("a write that may not be is not sent, not even on its second try", async () => {
  const server = await Loopback.start((_, response) =>
    json(response, 429, refusal(429, "TooManyRequests", "later"), { "retry-after": "1" }),
  );
  let may = false;
  const mayWrite = () => {
    if (!may) throw new Error("no leader");
  };
  const { cluster, clock } = connected(server, { mayWrite });
  await expect(cluster.apply(configMaps, wanted)).rejects.toThrow("no leader");
  await expect(cluster.delete(configMaps, held)).rejects.toThrow("no leader");
  expect(server.seen).toEqual([]);
  may = true;
  const second = cluster.apply(configMaps, wanted).catch((error: Error) => error.message);
  await until(() => server.seen.length === 1);
  may = false;
  await new Promise((resolve) => setTimeout(resolve, 30));
  clock.advance(2_000);
  expect(await second).toBe("no leader");
  expect(server.seen).toHaveLength(1);
});

test("a token that is rotated in its file is used at once, and a kubeconfig that was renewed after a refusal", async () => {
  const server = await Loopback.start((_, response) => json(response, 200, aList(1, [])));
  const tokenFile = join(server.directory, "token");
  writeFileSync(tokenFile, "first\n");
  const { cluster } = connected(server, { kubeconfig: { path: server.kubeconfig({ user: { tokenFile } }) } });
  await cluster.list(configMaps);
  writeFileSync(`${tokenFile}.new`, "second\n");
  renameSync(`${tokenFile}.new`, tokenFile);
  await cluster.list(configMaps);
  server.answer = ({ headers }, response) => {
    if (headers.authorization === "Bearer third") json(response, 200, aList(1, []));
    else {
      server.kubeconfig({ user: { token: "third" } });
      json(response, 401, refusal(401, "Unauthorized", "Unauthorized"));
    }
  };
  await cluster.list(configMaps);
  expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([
    "Bearer first",
    "Bearer second",
    "Bearer second",
    "Bearer third",
  ]);
});

test("an exec plugin is asked for the token, by client-node, and its word is kept", async () => {
  const server = await Loopback.start((_, response) => json(response, 200, aList(1, [])));
  const credential = {
    apiVersion: "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    status: { token: "plug" },
  };
  const says = `console.log(${JSON.stringify(JSON.stringify(credential))})`;
  const exec = { apiVersion: credential.apiVersion, command: process.execPath, args: ["-e", says] };
  const cluster = { "insecure-skip-tls-verify": true }; // client-node speaks plain HTTP to no other
  const path = server.kubeconfig({ user: { exec }, cluster });
  const connection = connected(server, { kubeconfig: { path } }).cluster;
  await connection.list(configMaps);
  expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(["Bearer plug"]);
});

test("a CA that changes in its file is the one that counts from then on", async () => {
  const first = await Loopback.start((_, response) => json(response, 200, aList(1, [])), certificates.one);
  const authority = join(first.directory, "ca.crt");
  writeFileSync(authority, certificates.one.cert);
  const path = first.kubeconfig({ scheme: "https", cluster: { "certificate-authority": "ca.crt" } });
  const { cluster } = connected(first, { kubeconfig: { path } });
  expect(await cluster.list(configMaps)).toEqual([]);
  expect(await cluster.list(configMaps)).toEqual([]);
  expect(first.connections).toBe(1);
  const { port } = first;
  await first.close();
  await Loopback.start((_, response) => json(response, 200, aList(1, [])), certificates.two, port);
  await expect(cluster.list(configMaps)).rejects.toThrow(/certificate/);
  writeFileSync(authority, certificates.two.cert);
  expect(await cluster.list(configMaps)).toEqual([]);
});

test("a finalizer goes in and out beside those of others, by what is there and not by what was read before", async () => {
  let finalizers = ["other"];
  let version = 5;
  const server = await Loopback.start(({ method, body }, response) => {
    const stated = (body as Partial<ConfigMap> | undefined)?.metadata;
    if (method === "PATCH" && stated?.resourceVersion !== String(version)) {
      json(response, 409, refusal(409, "Conflict", "the object has been modified"));
      return;
    }
    if (method === "PATCH") {
      finalizers = stated?.finalizers ?? [];
      version++;
    }
    json(response, 200, anObject("a", version, { finalizers }));
  });
  const { cluster } = connected(server);
  const old = anObject("a", 4, { finalizers: [] }) as ConfigMap;
  const after = await cluster.setFinalizer(configMaps, old, "ours", true);
  expect(after?.metadata.finalizers).toEqual(["other", "ours"]);
  expect(version).toBe(6);
  await cluster.setFinalizer(configMaps, old, "ours", true);
  expect([finalizers, version]).toEqual([["other", "ours"], 6 + 0]);
  await cluster.setFinalizer(configMaps, old, "ours", false);
  expect(finalizers).toEqual(["other"]);
});

test("a delete of what is gone, or of a namesake, is no failure; any other conflict is one", async () => {
  const server = await Loopback.start((_, response) =>
    json(response, 404, refusal(404, "NotFound", "", { name: "a" })),
  );
  const { cluster } = connected(server);
  await cluster.delete(configMaps, held);
  for (const words of [
    "UID in precondition: x, UID in object meta: y",
    "the UID in the precondition (x) does not match",
  ]) {
    server.answer = (_, response) => json(response, 409, refusal(409, "Conflict", words));
    await cluster.delete(configMaps, held);
  }
  server.answer = (_, response) => json(response, 409, refusal(409, "Conflict", "something else"));
  await expect(cluster.delete(configMaps, held)).rejects.toThrow(ConflictError);
});

test("a log that is followed is waited for until the container starts", async () => {
  const pod = {
    ...anObject("p", 5),
    kind: "Pod",
    spec: { containers: [{ name: "sidecar" }, { name: "kernel" }] },
  } as unknown as Pod;
  pod.metadata.annotations = { "kubectl.kubernetes.io/default-container": "kernel" };
  let starts = 2;
  const server = await Loopback.start(({ path }, response) => {
    if (!path.endsWith("/log")) json(response, 200, pod);
    else if (starts-- > 0)
      json(response, 400, refusal(400, "BadRequest", "container is waiting to start: ContainerCreating"));
    else response.end("one\ntwo\n");
  });
  const { cluster, clock } = connected(server);
  const advancing = setInterval(() => clock.advance(500), 5);
  let text = "";
  for await (const piece of cluster.logs("team", "p", { follow: true })) text += piece;
  expect(text).toBe("one\ntwo\n");
  expect(server.seen.at(-1)?.query).toEqual({ container: "kernel", follow: "true" });
  starts = 1;
  for await (const piece of cluster.logs("team", "p", {})) expect.unreachable(piece);
  clearInterval(advancing);
});

test("an Event keeps its six digits", async () => {
  const server = await Loopback.start(({ body }, response) =>
    json(response, 201, { ...anObject("e", 1), ...(body as object), metadata: anObject("e", 1).metadata }),
  );
  const { cluster } = connected(server);
  const event = { ...wanted, apiVersion: "events.k8s.io/v1", kind: "Event", eventTime: "2026-01-01T00:00:00.000000Z" };
  await cluster.apply(events, event as unknown as Event);
  expect(server.seen).toMatchObject([
    {
      path: "/apis/events.k8s.io/v1/namespaces/team/events/a",
      body: { eventTime: "2026-01-01T00:00:00.000000Z" },
    },
  ]);
});

test("what was written is read from the cache before the watch tells it, and what was deleted is not", async () => {
  const written = anObject("a", 8, { labels: { made: "here" } });
  const server = await Loopback.start(({ method, query }, response) => {
    if (query.watch) response.writeHead(200).flushHeaders();
    else if (method === "GET") json(response, 200, aList(5, []));
    else if (method === "DELETE") json(response, 200, { kind: "Status", status: "Success" });
    else json(response, 200, written);
  });
  const { cluster } = connected(server, { caches: [{ resource: configMaps }, { resource: pods }] });
  const told: string[] = [];
  await cluster.watch(configMaps, {}, ({ type }) => told.push(type)).synced;
  await cluster.apply(configMaps, wanted);
  expect((await cluster.get(configMaps, "team", "a"))?.metadata.resourceVersion).toBe("8");
  await cluster.delete(configMaps, written as ConfigMap);
  expect(await cluster.get(configMaps, "team", "a")).toBeUndefined();
  expect(told).toEqual(["ADDED", "DELETED"]);
});

test("a cache of some objects serves who asks for a part of them; for the rest the server is asked", async () => {
  const ours = anObject("ours", 3, { labels: { made: "here", owner: "x" } });
  const theirs = anObject("theirs", 4);
  const server = await Loopback.start(({ path, query }, response) => {
    if (query.watch) response.writeHead(200).flushHeaders();
    else if (path.endsWith("/theirs")) json(response, 200, theirs);
    else json(response, 200, aList(5, query.labelSelector ? [ours] : [ours, theirs]));
  });
  const cache = { resource: configMaps, labels: { made: "here" }, impliedBy: ["owner"], indexedBy: "owner" };
  const { cluster } = connected(server, { caches: [cache] });
  await cluster.watch(configMaps, { labels: { owner: "x" } }, () => {}).synced;
  await until(() => server.watches.length === 1);
  server.seen.length = 0;
  expect(await cluster.list(configMaps, { namespace: "team", labels: { owner: "x" } })).toEqual([ours]);
  expect(await cluster.list(configMaps, { labels: { made: "here" } })).toEqual([ours]);
  expect(await cluster.get(configMaps, "team", "ours")).toEqual(ours);
  expect(server.seen).toEqual([]);
  expect(await cluster.get(configMaps, "team", "theirs")).toEqual(theirs);
  expect(await cluster.list(configMaps, { namespace: "team" })).toEqual([ours, theirs]);
  expect(server.seen).toHaveLength(2);
});
