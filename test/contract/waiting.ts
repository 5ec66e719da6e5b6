import { setTimeout as sleep } from "node:timers/promises";
import type { Job, KubernetesObject, Pod } from "../../operator/cluster/objects.ts";
import type { Cluster } from "../../operator/cluster/port.ts";
import { jobs, pods, type Resource } from "../../operator/cluster/resource.ts";
import type { World } from "./world.ts";

/** Waiting for what a cluster does in its own time, and reading what it says of Jobs and pods. */

/** How long anything may take to come about; the Job controller's back-off alone is ten seconds. */
export const patience = 60_000;

/** Waits until the look returns something other than undefined or false, and returns it. */
export async function eventually<Seen>(
  look: () => Promise<Seen | undefined | false>,
  what: string,
  milliseconds = patience - 5_000,
): Promise<Seen> {
  const end = Date.now() + milliseconds;
  // Ever less often: many tests that wait side by side for long must not be what the API server is busy with.
  for (let pause = 50; ; pause = Math.min(pause * 1.2, 500)) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > end) throw new Error(`not so after ${milliseconds / 1_000} s: ${what}`);
    await sleep(pause);
  }
}

/**
 * Waits until the object of that name meets the test, and returns it. On failure the object is shown as it
 * was last.
 */
export async function until<T extends KubernetesObject>(
  { cluster, namespace }: World,
  resource: Resource<T>,
  name: string,
  test: (object: T) => unknown,
): Promise<T> {
  let last: T | undefined;
  try {
    return await eventually(async () => {
      last = await cluster.get(resource, namespace, name);
      return last !== undefined && Boolean(test(last)) && last;
    }, `${resource.kind} ${name}: ${test}`);
  } catch (cause) {
    throw new Error(`${resource.kind} ${name} is ${JSON.stringify(last, undefined, 1)}`, { cause });
  }
}

export async function untilGone<T extends KubernetesObject>(
  { cluster, namespace }: World,
  resource: Resource<T>,
  name: string,
): Promise<void> {
  const isGone = async () => (await cluster.get(resource, namespace, name)) === undefined;
  await eventually(isGone, `${resource.kind} ${name} is gone`);
}

/**
 * Waits until the world's connection reads this very version: it sees its own writes at once, those of others
 * when it is told.
 */
export function untilRead<T extends KubernetesObject>(
  world: World,
  resource: Resource<T>,
  { metadata }: T,
): Promise<T> {
  const { name, resourceVersion } = metadata;
  return until(world, resource, name, (object) => object.metadata.resourceVersion === resourceVersion);
}

/** Pods of the Job with that name, by index and then by age. */
export async function podsOf({ cluster, namespace }: World, job: string): Promise<Pod[]> {
  const found = await cluster.list(pods, { namespace, labels: { "batch.kubernetes.io/job-name": job } });
  return found.toSorted((a, b) => indexOf(a) - indexOf(b) || ageOf(a) - ageOf(b));
}

/**
 * Waits until no more than so many pods are read: what one watch has told of their owner, another may not
 * have told of them.
 */
export function podsLeft(read: () => Promise<Pod[]>, count: number): Promise<Pod[]> {
  return eventually(async () => {
    const found = await read();
    return found.length <= count && found;
  }, `${count} pods are left`);
}

/** Waits until the Job has so many pods that run and are not asked to stop, and returns them. */
export function running(world: World, job: string, count: number): Promise<Pod[]> {
  return eventually(async () => {
    const alive = (await podsOf(world, job)).filter(isRunning);
    return alive.length === count && alive;
  }, `${count} pods of Job ${job} run`);
}

export const isRunning = ({ metadata, status }: Pod) =>
  status?.phase === "Running" && metadata.deletionTimestamp === undefined;

export const isOver = ({ status }: Pod) => status?.phase === "Succeeded" || status?.phase === "Failed";

/** Waits until the connection reads that the pod has ended, or reads it no more. */
export async function untilOver(
  cluster: Cluster,
  { metadata: { namespace, name, uid } }: Pod,
): Promise<void> {
  await eventually(async () => {
    const now = await cluster.get(pods, namespace, name);
    return now?.metadata.uid !== uid || isOver(now);
  }, `pod ${name} has ended`);
}

export const indexOf = (pod: Pod) =>
  Number(pod.metadata.annotations?.["batch.kubernetes.io/job-completion-index"]);

const ageOf = (pod: Pod) => Date.parse(pod.metadata.creationTimestamp);

/** The Job's figures; the API server leaves out those that are zero. */
export function figures({ status = {} }: Job) {
  const { active = 0, ready = 0, terminating = 0, succeeded = 0, failed = 0 } = status;
  const { completedIndexes = "", failedIndexes = "" } = status;
  return { active, ready, terminating, succeeded, failed, completedIndexes, failedIndexes };
}

export function untilJob(world: World, name: string, test: (job: Job) => unknown): Promise<Job> {
  return until(world, jobs, name, test);
}

/** What must be there for the test to go on. */
export function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("what the test goes on with is not there");
  return value;
}
