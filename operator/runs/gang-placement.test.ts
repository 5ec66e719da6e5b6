import { expect, test } from "vitest";
import { timestamp } from "../clock/clock.ts";
import type { Pod } from "../cluster/objects.ts";
import { events, jobs, pods } from "../cluster/resource.ts";
import {
  anExampleRun,
  conditionOf,
  engineOn,
  exampleRuns,
  readExample,
  settle,
} from "../testing/example-runs.ts";
import { namespace, TestEnv, well } from "../testing/test-env.ts";

/** Two gangs of two pods each, of which one has a node and the other finds none. */

const names = ["older", "younger"] as const;
type Name = (typeof names)[number];

async function twoGangs(specs: Partial<Record<Name, Record<string, unknown>>> = {}) {
  const env = new TestEnv();
  const engine = engineOn(env);
  for (const name of names) {
    env.store.apply(exampleRuns, anExampleRun(specs[name], name));
    await settle(env, engine, name);
    env.endJob(gangOf(env, name, "prepare"), [well]);
    await settle(env, engine, name);
    env.clock.advance(1000);
  }
  return { env, look: (name: Name) => settle(env, engine, name) };
}

function gangOf(env: TestEnv, name: Name, stage = "build", attempt = 1) {
  const job = env.store.get(jobs, namespace, `examplerun-${name}-${stage}-${attempt}`);
  if (job === undefined) throw new Error(`${name} has no Job of ${stage}`);
  return job;
}

/** As the scheduler says it of a pod that it found a node for, or none. */
function schedule(env: TestEnv, pod: Pod, found: boolean): void {
  const { nodeName: _, ...spec } = pod.spec;
  const scheduled = {
    type: "PodScheduled",
    status: found ? ("True" as const) : ("False" as const),
    reason: found ? "" : "Unschedulable",
    message: found ? "" : "0/3 nodes are available",
    lastTransitionTime: timestamp(env.clock.now()),
  };
  const status = { phase: found ? ("Running" as const) : ("Pending" as const), conditions: [scheduled] };
  env.store.updateStatus(pods, { ...pod, spec, status });
}

function placeHalf(env: TestEnv, name: Name): void {
  for (const [index, pod] of env.startPods(gangOf(env, name)).entries()) schedule(env, pod, index === 0);
}

const attemptsOf = (env: TestEnv, name: Name) =>
  readExample(env, name).status?.attempts?.filter(({ stage }) => stage === "build") ?? [];

/** How the attempts at the gang's stage ended; "open": it has not. */
const endings = (env: TestEnv, name: Name) =>
  attemptsOf(env, name).map(({ endTime, reason }) => (endTime === undefined ? "open" : reason));

test("the younger of two half placed gangs gives way after a minute, at no cost, and begins again", async () => {
  const { env, look } = await twoGangs({ younger: { failurePolicy: { maxDisruptions: 0 } } });
  for (const name of names) placeHalf(env, name);
  env.clock.advance(59_000);
  for (const name of names) await look(name);
  expect(endings(env, "younger")).toEqual(["open"]);
  env.clock.advance(1000);
  for (const name of names) await look(name);
  expect(endings(env, "older")).toEqual(["open"]);
  expect(attemptsOf(env, "younger")).toMatchObject([
    {
      number: 1,
      reason: "GangNotPlaced",
      message:
        "only 1 of 2 pods found a node in 60 s, and ExampleRun older, which is older, lacks nodes as well: it goes first",
      counted: false,
    },
  ]);
  expect(env.store.get(jobs, namespace, "examplerun-younger-build-1")).toBeUndefined();
  expect(env.store.list(events).map(({ reason }) => reason)).toContain("GangNotPlaced");
  // To wait for nodes is no loss, so maxDisruptions does not end it.
  expect(readExample(env, "younger").status).toMatchObject({ restarts: 0, disruptions: 1 });
  expect(conditionOf(readExample(env, "younger"))?.reason).toBe("StageRestarted");
  for (const pod of env.store.list(pods))
    if (pod.metadata.name.startsWith("examplerun-younger-build")) env.store.delete(pods, pod);
  env.clock.advance(5000);
  await look("younger");
  expect(gangOf(env, "younger", "build", 2).metadata.name).toBe("examplerun-younger-build-2");
});

test.each<[why: string, prepare: (env: TestEnv) => void, specs: Parameters<typeof twoGangs>[0]]>([
  ["the older gang is placed whole", (env) => void env.startPods(gangOf(env, "older")), {}],
  ["the older gang has no node at all", (env) => placeNone(env, "older"), {}],
  [
    "the older gang asks for other nodes",
    (env) => placeHalf(env, "older"),
    {
      older: { compute: { nodeSelector: { pool: "a" } } },
      younger: { compute: { nodeSelector: { pool: "b" } } },
    },
  ],
])("a half placed gang stays while %s", async (_why, prepare, specs) => {
  const { env, look } = await twoGangs(specs);
  prepare(env);
  placeHalf(env, "younger");
  env.clock.advance(600_000);
  await look("younger");
  expect(endings(env, "younger")).toEqual(["open"]);
});

function placeNone(env: TestEnv, name: Name): void {
  for (const pod of env.startPods(gangOf(env, name))) schedule(env, pod, false);
}
