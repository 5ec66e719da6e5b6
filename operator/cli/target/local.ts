import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { installation } from "#installation";
import { systemClock } from "../../clock/clock.ts";
import { sleep } from "../../clock/sleep.ts";
import { claimDirectory, connectLocal, readAtRest } from "../../cluster/local/index.ts";
import type { KubernetesObject } from "../../cluster/objects.ts";
import { claims, type Resource, secrets } from "../../cluster/resource.ts";
import { Failure } from "../failure.ts";
import { type AnyObject, endpointOf } from "../kinds.ts";
import { phaseOf } from "../watch/phase.ts";
import type { Connection, Endpoint, OperatorHandle, ReadableCluster, Target } from "./target.ts";

/** A state directory of this machine: through the operator that runs on it, or as the last one left it. */
export function localTarget(stateDirectory: string, hint: Target["hint"]): Target {
  return {
    hint,
    hasLocalPaths: true,
    machine: { cpus: availableParallelism() },
    namespace: async () => "default",
    async presence({ kind, name }, namespace) {
      const resource = kept.find((one) => one.kind === kind);
      // Pods of this machine have no ServiceAccount, no priority and no class of storage.
      if (resource === undefined) return "present";
      return (await readOne(stateDirectory, resource, namespace, name)) ? "present" : "absent";
    },
    async claimDirectory(namespace, name, given) {
      const claim = given ?? (await readOne(stateDirectory, claims, namespace, name))?.metadata;
      return claimDirectory(resolve(stateDirectory), { metadata: claim ?? { namespace, name } });
    },
    async connect() {
      const running = await connectLocal(stateDirectory);
      if (running) return connection(stateDirectory, running, () => running.close());
      const cluster = readAtRest(stateDirectory);
      if (cluster === undefined)
        throw new Failure(
          "notFound",
          `${stateDirectory} has no state; name a directory with --state, create it with ${hint("run -f DIR")}, or name a Kubernetes cluster with --context`,
        );
      process.stderr.write(`no operator runs on ${stateDirectory}: this is its last state\n`);
      return connection(stateDirectory, cluster);
    },
    async peek(onTrouble) {
      const running = await connectLocal(stateDirectory, onTrouble && (({ message }) => onTrouble(message)));
      const cluster = running ?? readAtRest(stateDirectory);
      return cluster && connection(stateDirectory, cluster, () => running?.close());
    },
    async operate({ detach = false } = {}) {
      if (detach) return operateDetached(stateDirectory, () => connectOperator(stateDirectory));
      return (await connectOperator(stateDirectory)) ?? operateHere(stateDirectory);
    },
  };
}

const kept: readonly Resource<KubernetesObject>[] = [claims, secrets];

async function readOne(
  stateDirectory: string,
  resource: Resource<KubernetesObject>,
  namespace: string,
  name: string,
): Promise<KubernetesObject | undefined> {
  const running = await connectLocal(stateDirectory);
  try {
    return await (running ?? readAtRest(stateDirectory))?.get(resource, namespace, name);
  } finally {
    running?.close();
  }
}

function connection(where: string, cluster: ReadableCluster, close = () => {}): Connection {
  return {
    cluster,
    where,
    close,
    reach: async ({ status }): Promise<Endpoint> => ({ url: status?.url ?? "", close() {} }),
  };
}

const operatorHint = (stateDirectory: string) => `see ${stateDirectory}/operator.log`;

/** An operator in this process, for as long as it is needed. */
async function operateHere(stateDirectory: string): Promise<OperatorHandle> {
  // Loaded only where an operator starts: commands that only read start faster without it.
  const { startLocalOperator } = await import("./local-operator.ts");
  return {
    ...(await startLocalOperator(stateDirectory)),
    where: stateDirectory,
    inProcess: true,
    afterwards: `run again to resume from ${stateDirectory}`,
    operatorHint: operatorHint(stateDirectory),
    confirm: endpointsAnswer,
  };
}

/** The operator that runs on the state directory; undefined when none does. */
async function connectOperator(stateDirectory: string): Promise<OperatorHandle | undefined> {
  let stopped = false;
  const running = await connectLocal(stateDirectory, (error) => {
    if (stopped) return;
    throw new Failure("failed", `${error.message}; "tanren run" with the same manifests resumes from there`);
  });
  if (running === undefined) return undefined;
  return {
    cluster: running,
    where: stateDirectory,
    inProcess: false,
    afterwards: `the operator on ${stateDirectory} keeps running; "tanren stop" stops it`,
    operatorHint: operatorHint(stateDirectory),
    confirm: endpointsAnswer,
    onTrouble: (report) => running.onTrouble(report),
    async stop() {
      stopped = true;
      running.close();
    },
    hurry() {},
  };
}

const startSeconds = 30;

/**
 * The operator that runs on the state directory; where none does, one is started in a session of its own, to
 * outlive this process.
 */
async function operateDetached(
  stateDirectory: string,
  connect: () => Promise<OperatorHandle | undefined>,
): Promise<OperatorHandle> {
  const running = await connect();
  if (running) return running;
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const logPath = join(stateDirectory, "operator.log");
  const log = openSync(logPath, "a");
  const [program, ...words] = installation.again;
  const child = spawn(program, [...words, "operator", "--state", stateDirectory], {
    detached: true,
    stdio: ["ignore", log, log],
  });
  child.unref();
  for (
    const deadline = Date.now() + startSeconds * 1000;
    Date.now() < deadline;
    await sleep(systemClock, 50)
  ) {
    const operator = await connect();
    if (operator) return operator;
    if (child.exitCode !== null) break;
  }
  const last = readFileSync(logPath, "utf8").trimEnd().split("\n").at(-1);
  throw new Failure(
    "failed",
    `the operator did not start in the background; the last line of ${logPath}: ${last}`,
  );
}

const patienceMilliseconds = 2000;

/**
 * Whether every endpoint among the objects that calls itself ready does answer; a demand for a key is an
 * answer.
 */
async function endpointsAnswer(objects: readonly AnyObject[]): Promise<boolean> {
  const ready = objects
    .filter((object) => phaseOf(object) === "done")
    .flatMap((object) => endpointOf(object) ?? []);
  const answers = await Promise.all(ready.map(answersAt));
  return answers.every(Boolean);
}

async function answersAt(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/v1/models`, { signal: AbortSignal.timeout(patienceMilliseconds) });
    await response.body?.cancel();
    return response.status < 500;
  } catch {
    return false; // nobody listens, or not in time
  }
}
