import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { type Clock, systemClock } from "../clock/clock.ts";
import { sleep } from "../clock/sleep.ts";
import { LocalCluster, type LocalClusterOptions } from "../cluster/local/index.ts";
import type {
  Container,
  Deployment,
  Job,
  KubernetesObject,
  Pod,
  PodTemplate,
  Service,
  Wanted,
} from "../cluster/objects.ts";
import type { Cluster } from "../cluster/port.ts";
import type { Resource } from "../cluster/resource.ts";

/**
 * What the tests of this folder share: clusters in temporary directories, objects with few words, and
 * waiting.
 */

export const namespace = "default";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
});

export function onCleanUp(cleanUp: () => Promise<void> | void): void {
  cleanups.push(cleanUp);
}

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "tanren-local-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/**
 * An open cluster that is stopped with its pods after the test; errors it reports fail the test's clean-up.
 */
export async function openCluster(options: Partial<LocalClusterOptions> = {}): Promise<LocalCluster> {
  const stateDirectory = options.stateDirectory ?? temporaryDirectory();
  const errors: unknown[] = [];
  const cluster = await LocalCluster.open({
    customResources: [],
    report: (error) => errors.push(error),
    ...options,
    stateDirectory,
    node: { cpus: 64, programs: { node: process.execPath }, ...options.node },
  });
  cleanups.push(async () => {
    await cluster.stop({ pods: "terminate" });
    if (errors.length > 0) throw new AggregateError(errors, "the cluster reported errors");
  });
  return cluster;
}

/** Time that runs so many times faster than the machine's. */
export function fastClock(factor: number): Clock {
  const start = Date.now();
  return {
    now: () => new Date(start + (Date.now() - start) * factor),
    after: (milliseconds, call) => systemClock.after(milliseconds / factor, call),
  };
}

/** Waits until the look returns something other than undefined or false. */
export async function eventually<Seen>(
  look: () => Promise<Seen | undefined | false>,
  milliseconds = 10_000,
): Promise<Seen> {
  const end = Date.now() + milliseconds;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > end) throw new Error(`not so after ${milliseconds} ms: ${look}`);
    await sleep(systemClock, 10);
  }
}

/** Waits until the object of that name meets the test, and returns it. */
export function until<T extends KubernetesObject>(
  cluster: Cluster,
  resource: Resource<T>,
  name: string,
  test: (object: T) => unknown,
  milliseconds?: number,
): Promise<T> {
  return eventually(async () => {
    const object = await cluster.get(resource, namespace, name);
    return object !== undefined && Boolean(test(object)) && object;
  }, milliseconds);
}

export function aTemplate(
  command: string[],
  container: Partial<Container> = {},
  spec: Partial<PodTemplate["spec"]> = {},
): PodTemplate {
  return {
    metadata: { labels: { app: "test" } },
    spec: {
      restartPolicy: "Never",
      volumes: [],
      terminationGracePeriodSeconds: 5,
      automountServiceAccountToken: false,
      securityContext: {},
      ...spec,
      containers: [
        {
          name: "main",
          image: "none",
          command,
          workingDir: "/tanren",
          env: [],
          resources: { requests: { cpu: "1" }, limits: {} },
          volumeMounts: [],
          securityContext: {},
          ...container,
        },
      ],
    },
  };
}

export function aPod(name: string, template: PodTemplate): Wanted<Pod> {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, ...template.metadata },
    spec: template.spec,
  };
}

export function aJob(name: string, template: PodTemplate, spec: Partial<Job["spec"]> = {}): Wanted<Job> {
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace },
    spec: { completionMode: "Indexed", completions: 1, parallelism: 1, backoffLimit: 0, ...spec, template },
  };
}

export function aDeployment(
  name: string,
  template: PodTemplate,
  spec: Partial<Deployment["spec"]> = {},
): Wanted<Deployment> {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: {
      replicas: 1,
      selector: { matchLabels: template.metadata.labels },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      ...spec,
      template: { ...template, spec: { ...template.spec, restartPolicy: "Always" } },
    },
  };
}

export function aService(name: string, port: number, targetPort: number): Wanted<Service> {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace },
    spec: { selector: { app: "test" }, ports: [{ name: "http", port, targetPort }] },
  };
}

export function sh(script: string): string[] {
  return ["sh", "-c", script];
}
