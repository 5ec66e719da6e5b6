import { expect, test } from "vitest";
import { connected, FakeApiServer, failureStatus, json, wanted } from "../../../testing/api-server.ts";
import { ConflictError, ForbiddenError, InvalidError, NotFoundError, UnknownKindError } from "../../port.ts";
import { configMaps } from "../../resource.ts";
import { UnauthorizedError } from "../index.ts";

test.each([
  [
    404,
    failureStatus(404, "NotFound", 'configmaps "a" not found', { name: "a", kind: "configmaps" }),
    NotFoundError,
    "ConfigMap team/a does not exist",
  ],
  [
    404,
    failureStatus(404, "NotFound", 'namespaces "team" not found', { name: "team", kind: "namespaces" }),
    NotFoundError,
    "namespace team does not exist; create it first",
  ],
  [404, "404 page not found", UnknownKindError, "does not serve configmaps of v1; install"],
  [
    409,
    failureStatus(409, "Conflict", "the object has been modified"),
    ConflictError,
    "ConfigMap team/a: the object has been modified",
  ],
  [401, failureStatus(401, "Unauthorized", "Unauthorized"), UnauthorizedError, "does not know who is asking"],
  [
    403,
    failureStatus(403, "Forbidden", 'User "x" cannot patch resource "configmaps" in API group ""'),
    ForbiddenError,
    'not allowed to patch configmaps in namespace team; grant the verb patch on configmaps of API group ""',
  ],
  [
    403,
    failureStatus(403, "Forbidden", "exceeded quota: count/configmaps=1"),
    ForbiddenError,
    "cannot patch configmaps in namespace team: exceeded quota",
  ],
  [
    422,
    failureStatus(422, "Invalid", "invalid", {
      causes: [
        { field: "data", message: "too long" },
        { field: "<nil>", message: "some validation rules were not checked because of it" },
      ],
    }),
    InvalidError,
    /^ConfigMap team\/a: data: too long$/,
  ],
  [
    422,
    failureStatus(422, "Invalid", "invalid", { causes: [{ field: "<nil>", message: "cannot change" }] }),
    InvalidError,
    /^ConfigMap team\/a: spec: cannot change$/,
  ],
  [
    400,
    failureStatus(400, "BadRequest", 'strict decoding error: unknown field "spec.foo", unknown field "bar"'),
    InvalidError,
    "spec.foo: unknown field; bar: unknown field",
  ],
  [
    500,
    failureStatus(
      500,
      "",
      "failed to create typed patch object (team/a; v1, Kind=ConfigMap): .data.x: expected string, got 1",
    ),
    InvalidError,
    "data.x: expected string, got 1",
  ],
  [
    500,
    failureStatus(500, "InternalError", "etcd is away"),
    Error,
    "patch ConfigMap team/a: the API server answers 500: etcd is away",
  ],
])("an answer of %i is told as what it means: %o", async (code, body, kind, sentence) => {
  const server = await FakeApiServer.start((_, response) =>
    typeof body === "string" ? void response.writeHead(code).end(body) : json(response, code, body),
  );
  const { cluster } = connected(server);
  const failure = await cluster.apply(configMaps, wanted).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(kind);
  expect((failure as Error).message).toMatch(sentence);
});

test("a missing object is undefined, a missing kind is not", async () => {
  const server = await FakeApiServer.start((_, response) =>
    json(response, 404, failureStatus(404, "NotFound", "not found", { name: "a" })),
  );
  const { cluster } = connected(server);
  expect(await cluster.get(configMaps, "team", "a")).toBeUndefined();
  server.answer = (_, response) => void response.writeHead(404).end("404 page not found");
  await expect(cluster.get(configMaps, "team", "a")).rejects.toThrow(UnknownKindError);
});
