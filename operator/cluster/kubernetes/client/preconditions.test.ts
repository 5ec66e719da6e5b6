import { expect, test } from "vitest";
import {
  anObject,
  connected,
  FakeApiServer,
  failureStatus,
  json,
  stored,
} from "../../../testing/api-server.ts";
import type { ConfigMap } from "../../objects.ts";
import { ConflictError } from "../../port.ts";
import { configMaps } from "../../resource.ts";

test("a finalizer goes in and out beside those of others, by what is there and not by what was read before", async () => {
  let finalizers = ["other"];
  let version = 5;
  const server = await FakeApiServer.start(({ method, body }, response) => {
    const stated = (body as Partial<ConfigMap> | undefined)?.metadata;
    if (method === "PATCH" && stated?.resourceVersion !== String(version)) {
      json(response, 409, failureStatus(409, "Conflict", "the object has been modified"));
      return;
    }
    if (method === "PATCH") {
      finalizers = stated?.finalizers ?? [];
      version++;
    }
    json(response, 200, anObject("a", version, { finalizers }));
  });
  const { cluster } = connected(server);
  const old = anObject("a", 4, { finalizers: [] });
  const after = await cluster.setFinalizer(configMaps, old, "ours", true);
  expect(after?.metadata.finalizers).toEqual(["other", "ours"]);
  expect(version).toBe(6);
  await cluster.setFinalizer(configMaps, old, "ours", true);
  expect([finalizers, version]).toEqual([["other", "ours"], 6 + 0]);
  await cluster.setFinalizer(configMaps, old, "ours", false);
  expect(finalizers).toEqual(["other"]);
});

test("a delete of what is gone, or of a namesake, is no failure; any other conflict is one", async () => {
  const server = await FakeApiServer.start((_, response) =>
    json(response, 404, failureStatus(404, "NotFound", "", { name: "a" })),
  );
  const { cluster } = connected(server);
  await cluster.delete(configMaps, stored);
  for (const words of [
    "UID in precondition: x, UID in object meta: y",
    "the UID in the precondition (x) does not match",
  ]) {
    server.answer = (_, response) => json(response, 409, failureStatus(409, "Conflict", words));
    await cluster.delete(configMaps, stored);
  }
  server.answer = (_, response) => json(response, 409, failureStatus(409, "Conflict", "something else"));
  await expect(cluster.delete(configMaps, stored)).rejects.toThrow(ConflictError);
});
