import { z } from "zod";
import { Condition, Hopeless, Metadata, namespace, until, type World } from "./world.ts";

/** What the tests see of a run: its status, and the Jobs and pods made for it. */

const Attempt = z.looseObject({
  stage: z.string(),
  number: z.number(),
  jobName: z.string(),
  reason: z.string().optional(),
  exitCode: z.number().optional(),
  resumedFromStep: z.number().optional(),
  counted: z.boolean().optional(),
});

export const Run = z.looseObject({
  metadata: Metadata,
  status: z
    .looseObject({
      conditions: z.array(Condition).default([]),
      stages: z.array(z.looseObject({ name: z.string(), state: z.string() })).default([]),
      attempts: z.array(Attempt).default([]),
      restarts: z.number().default(0),
      progress: z
        .looseObject({ stage: z.string(), step: z.number(), checkpointStep: z.number().optional() })
        .optional(),
      artifact: z.looseObject({ digest: z.string(), claimName: z.string(), path: z.string() }).optional(),
    })
    .prefault({}),
});
export type Run = z.output<typeof Run>;

export const Pod = z.looseObject({
  metadata: Metadata,
  spec: z.looseObject({
    automountServiceAccountToken: z.boolean().optional(),
    volumes: z.array(z.looseObject({ name: z.string() })).default([]),
  }),
  status: z.looseObject({ phase: z.string(), podIP: z.string().optional() }),
});
export type Pod = z.output<typeof Pod>;

const childrenOf = (kind: string, name: string) => `tanren.dev/kind=${kind},tanren.dev/name=${name}`;

export const conditionOf = (run: { status: { conditions: Condition[] } }, type: string) =>
  run.status.conditions.find((condition) => condition.type === type);

/** The pods of a run that are at work. */
export async function runningPods(world: World, kind: string, name: string): Promise<Pod[]> {
  const pods = await world.list(Pod, "pods", childrenOf(kind, name));
  return pods.filter(
    ({ metadata, status }) => status.phase === "Running" && metadata.deletionTimestamp === undefined,
  );
}

/** Waits until the newest attempt of a run has done some steps beyond a checkpoint, and returns the run. */
export function underWay(world: World, kind: string, name: string, { stage = "", after = 0 } = {}) {
  return until(`${kind}/${name} at work${stage && ` on ${stage}`} beyond step ${after}`, async () => {
    const run = await world.get(Run, kind, name);
    const ended = conditionOf(run, "Succeeded");
    if (ended?.status === "True") throw new Hopeless(`it is done: ${ended.message}`);
    // What is in its way may be taken away.
    if (ended?.status === "False") throw new Error(`it ended: ${ended.reason}: ${ended.message}`);
    const { progress } = run.status;
    if (progress === undefined || (stage !== "" && progress.stage !== stage)) return undefined;
    const pods = await runningPods(world, kind, name);
    return pods.length > 0 && (progress.checkpointStep ?? 0) > after ? run : undefined;
  });
}

/** The attempts at a stage, oldest first. */
export const attemptsAt = (run: Run, stage: string) =>
  run.status.attempts.filter((attempt) => attempt.stage === stage);

/** Waits until a run has made so many attempts at a stage and the newest is under way. */
export function nextAttempt(world: World, kind: string, name: string, stage: string, number: number) {
  return until(`attempt ${number} of ${kind}/${name} at ${stage}`, async () => {
    const run = await world.get(Run, kind, name);
    return attemptsAt(run, stage).length >= number ? run : undefined;
  });
}

/** Reasons of the Events about an object. */
export async function eventsOf(world: World, kind: string, name: string): Promise<string[]> {
  const Event = z.looseObject({
    reason: z.string(),
    regarding: z.looseObject({ kind: z.string(), name: z.string() }),
  });
  const events = await world.list(Event, "events.v1.events.k8s.io");
  return events
    .filter(({ regarding }) => regarding.kind === kind && regarding.name === name)
    .map(({ reason }) => reason);
}

/** Answers of a Service of the cluster, asked from this machine by its own address. */
export async function serviceAddress(world: World, name: string, where = namespace): Promise<string> {
  const Service = z.looseObject({
    spec: z.looseObject({
      clusterIP: z.string(),
      ports: z.array(z.looseObject({ port: z.number() })).min(1),
    }),
  });
  const { spec } = await world.get(Service, "service", name, where);
  return `http://${spec.clusterIP}:${spec.ports[0]?.port}`;
}
