import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { aList, connected, FakeApiServer, failureStatus, json } from "../../../testing/api-server.ts";
import { certificates } from "../../../testing/certificates.ts";
import { configMaps } from "../../resource.ts";

test("a token that is rotated in its file is used at once, and a kubeconfig that was renewed after a failure", async () => {
  const server = await FakeApiServer.start((_, response) => json(response, 200, aList(1, [])));
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
      json(response, 401, failureStatus(401, "Unauthorized", "Unauthorized"));
    }
  };
  await cluster.list(configMaps);
  expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
    "Bearer first",
    "Bearer second",
    "Bearer second",
    "Bearer third",
  ]);
});

test("an exec plugin is asked for the token, by client-node, and its word is kept", async () => {
  const server = await FakeApiServer.start((_, response) => json(response, 200, aList(1, [])));
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
  expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer plug"]);
});

test("a CA that changes in its file is the one that counts from then on", async () => {
  const first = await FakeApiServer.start(
    (_, response) => json(response, 200, aList(1, [])),
    certificates.one,
  );
  const authority = join(first.directory, "ca.crt");
  writeFileSync(authority, certificates.one.cert);
  const path = first.kubeconfig({ scheme: "https", cluster: { "certificate-authority": "ca.crt" } });
  const { cluster } = connected(first, { kubeconfig: { path } });
  expect(await cluster.list(configMaps)).toEqual([]);
  expect(await cluster.list(configMaps)).toEqual([]);
  expect(first.connections).toBe(1);
  const { port } = first;
  await first.close();
  await FakeApiServer.start((_, response) => json(response, 200, aList(1, [])), certificates.two, port);
  await expect(cluster.list(configMaps)).rejects.toThrow(/certificate/);
  writeFileSync(authority, certificates.two.cert);
  expect(await cluster.list(configMaps)).toEqual([]);
});
