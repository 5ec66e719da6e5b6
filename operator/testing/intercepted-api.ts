import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import nock from "nock";
import { onTestFinished } from "vitest";
import { stringify } from "yaml";
import { type CacheOptions, connectKubernetes, type KubernetesOptions } from "../cluster/kubernetes/index.ts";
import { FakeClock } from "./fake-clock.ts";

/** An API server that is nowhere: nock answers in its place, with what a real one cannot be made to send. */
export const apiAddress = "http://api.example:6443";

export const configMapsPath = "/api/v1/namespaces/team/configmaps";

/** Requests that nobody expects fail, and so does a test whose answers were not all asked for. */
export function interceptedCluster(options: Partial<KubernetesOptions> & { caches?: CacheOptions[] } = {}) {
  const directory = mkdtempSync(join(tmpdir(), "tanren-intercepted-"));
  const path = join(directory, "kubeconfig");
  const content = {
    clusters: [{ name: "nowhere", cluster: { server: apiAddress } }],
    users: [{ name: "somebody", user: {} }],
    contexts: [{ name: "here", context: { cluster: "nowhere", user: "somebody", namespace: "team" } }],
    "current-context": "here",
  };
  writeFileSync(path, stringify(content));
  nock.disableNetConnect();
  const clock = new FakeClock();
  const errors: Error[] = [];
  const cluster = connectKubernetes({
    kubeconfig: { path },
    clock,
    monotonic: () => clock.now().getTime(),
    random: () => 0,
    report: (error) => errors.push(error as Error),
    ...options,
  });
  onTestFinished(async () => {
    await cluster.stop();
    nock.cleanAll();
    nock.enableNetConnect();
    rmSync(directory, { recursive: true, force: true });
  });
  return { cluster, clock, errors, api: nock(apiAddress), kubeconfig: { path } };
}
