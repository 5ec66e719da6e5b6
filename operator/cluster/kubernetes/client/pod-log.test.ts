import { expect, test } from "vitest";
import { anObject, connected, FakeApiServer, failureStatus, json } from "../../../testing/api-server.ts";

test("a log that is followed is waited for until the container starts", async () => {
  const pod = {
    ...anObject("p", 5, { annotations: { "kubectl.kubernetes.io/default-container": "kernel" } }),
    kind: "Pod",
    spec: { containers: [{ name: "sidecar" }, { name: "kernel" }] },
  };
  let starts = 2;
  const server = await FakeApiServer.start(({ path }, response) => {
    if (!path.endsWith("/log")) json(response, 200, pod);
    else if (starts-- > 0)
      json(
        response,
        400,
        failureStatus(400, "BadRequest", "container is waiting to start: ContainerCreating"),
      );
    else response.end("one\ntwo\n");
  });
  const { cluster, clock } = connected(server);
  const advancing = setInterval(() => clock.advance(500), 5);
  let text = "";
  for await (const piece of cluster.logs("team", "p", { follow: true })) text += piece;
  expect(text).toBe("one\ntwo\n");
  expect(server.requests.at(-1)?.query).toEqual({ container: "kernel", follow: "true" });
  starts = 1;
  for await (const piece of cluster.logs("team", "p", {})) expect.unreachable(piece);
  clearInterval(advancing);
});

test("what the container said before it was started again is asked for, and missed when it never was", async () => {
  const pod = { ...anObject("p", 5), kind: "Pod", spec: { containers: [{ name: "kernel" }] } };
  const server = await FakeApiServer.start(({ path, query }, response) => {
    if (!path.endsWith("/log")) json(response, 200, pod);
    else if (query.previous === "true" && path.includes("/again/")) response.end("before\n");
    else
      json(
        response,
        400,
        failureStatus(400, "BadRequest", "previous terminated container kernel in pod once not found"),
      );
  });
  const { cluster } = connected(server);
  expect(await Array.fromAsync(cluster.logs("team", "again", { previous: true }))).toEqual(["before\n"]);
  await expect(Array.fromAsync(cluster.logs("team", "once", { previous: true }))).rejects.toThrow(
    "Pod team/once was never started again",
  );
});
