import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import nock from "nock";
import { onTestFinished } from "vitest";
import { connected, writeKubeconfig } from "./api-server.ts";

/** An API server that is nowhere: nock answers in its place, with what a real one cannot be made to send. */
export const apiAddress = "http://api.example:6443";

export const configMapsPath = "/api/v1/namespaces/team/configmaps";

/** A connection to it; a request that nobody expects fails. */
export function interceptedCluster(options: Parameters<typeof connected>[1] = {}) {
  const directory = mkdtempSync(join(tmpdir(), "tanren-intercepted-"));
  nock.disableNetConnect();
  // Runs after the connection has stopped: what was registered last runs first.
  onTestFinished(() => {
    nock.cleanAll();
    nock.enableNetConnect();
    rmSync(directory, { recursive: true, force: true });
  });
  const path = writeKubeconfig(directory, { server: apiAddress });
  const connection = connected({ kubeconfig: () => path }, options);
  return { ...connection, api: nock(apiAddress), kubeconfig: { path } };
}
