import { expect, test } from "vitest";
import type { KubernetesObject } from "../cluster/objects.ts";
import { claims, configMaps, jobs, type Resource, services } from "../cluster/resource.ts";
import { anExampleRun, engineOn, exampleRuns, readExample, settle } from "../testing/example-runs.ts";
import { badly, type Ending, KilledError, killedAt, namespace, TestEnv, well } from "../testing/test-env.ts";

/**
 * The operator is killed at each of its writes, just before it arrives and just after, and another one goes
 * on: the end must be the one of an undisturbed run, and no object may have been made or deleted more often
 * than there.
 */

/**
 * How each attempt in turn ends: a first stage that is lost once, a second that fails once, then fails the run,
 * and succeeds after a retry.
 */
const endings: Record<string, Ending> = {
  "examplerun-demo-prepare-1": { exitCode: 137, evicted: true },
  "examplerun-demo-prepare-2": well,
  "examplerun-demo-build-1": badly("InternalError", 1),
  "examplerun-demo-build-2": badly("InvalidData", 64),
  "examplerun-demo-build-3": well,
};

const watched: Resource<KubernetesObject>[] = [jobs, configMaps, services, claims];

interface Ended {
  objects: unknown;
  status: unknown;
  counts: Record<string, number>;
  writes: number;
}

/** Runs to the end under an operator that dies at its nth write; those after it live. */
async function runToEnd(write: number, when: "before" | "after"): Promise<Ended> {
  const env = new TestEnv();
  const counts: Record<string, number> = {};
  for (const resource of watched) {
    env.store.watch(resource, {}, ({ type, object }) => {
      if (type === "MODIFIED") return;
      const key = `${type} ${object.kind}/${object.metadata.name}`;
      counts[key] = (counts[key] ?? 0) + 1;
    });
  }
  const mortal = killedAt(env.cluster, write, when);
  let engine = engineOn(env, mortal);
  env.store.apply(exampleRuns, anExampleRun());
  for (let step = 0; step < 20 && !hasSucceeded(env); step++) {
    // A person mends the data and retries; should the run fail once more, nobody would help it.
    if (readExample(env).status?.completionTime !== undefined)
      env.store.apply(exampleRuns, anExampleRun({ retry: 1 }));
    try {
      await settle(env, engine);
    } catch (error) {
      if (!(error instanceof KilledError)) throw error;
      engine = engineOn(env);
      await settle(env, engine);
    }
    for (const job of env.openJobs()) env.endJob(job, [endings[job.metadata.name] ?? well]);
    env.clock.advance(10_000);
  }
  await new Promise((resolve) => setImmediate(resolve));
  const { status } = readExample(env);
  return {
    objects: watched.flatMap((resource) => env.store.list(resource, { namespace }).map(masked)),
    status: masked({ status }),
    counts,
    writes: mortal.writes,
  };
}

const hasSucceeded = (env: TestEnv) => readExample(env).status?.artifact !== undefined;

/** Without what differs between any two runs: identities, and when things happened. */
function masked(value: unknown): unknown {
  const text = JSON.stringify(value, (key, field) =>
    [
      "uid",
      "resourceVersion",
      "creationTimestamp",
      "lastTransitionTime",
      "startTime",
      "endTime",
      "completionTime",
      "updateTime",
      "retryTime",
    ].includes(key)
      ? undefined
      : field,
  );
  return JSON.parse(
    text.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "<uid>").replaceAll(/demo-[0-9a-f]{8}/g, "demo-<uid>"),
  );
}

test("every crash point leads to the same end", async () => {
  const undisturbed = await runToEnd(Number.POSITIVE_INFINITY, "before");
  expect(undisturbed.status).toMatchObject({
    status: { observedRetry: 1, restarts: 0, artifact: { stage: "build" } },
  });
  expect(undisturbed.counts["ADDED Job/examplerun-demo-build-3"]).toBe(1);
  const { writes, ...end } = undisturbed;
  expect(writes).toBeGreaterThan(20);
  for (let write = 1; write <= writes; write++) {
    for (const when of ["before", "after"] as const) {
      const { writes: _, ...other } = await runToEnd(write, when);
      expect(other, `killed ${when} write ${write} of ${writes}`).toEqual(end);
    }
  }
}, 60_000);
