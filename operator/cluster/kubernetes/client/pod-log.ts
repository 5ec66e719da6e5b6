import type { IncomingMessage } from "node:http";
import type { Clock } from "../../../clock/clock.ts";
import { sleep } from "../../../clock/sleep.ts";
import type { Pod } from "../../objects.ts";
import { InvalidError, type LogOptions, NotFoundError, noPreviousLog } from "../../port.ts";
import { pods } from "../../resource.ts";
import { CutOffError } from "./errors.ts";
import type { Rest } from "./rest.ts";

/** Says which container a pod is about, where others were injected. */
const defaultContainer = "kubectl.kubernetes.io/default-container";
const lookAgainMilliseconds = 1_000;

export interface LogParts {
  rest: Rest;
  clock: Clock;
  namespace: string;
  name: string;
  readPod: () => Promise<Pod | undefined>;
}

/**
 * The log of the pod's own container piece by piece. With `follow` a pod that is still waiting is waited for.
 */
export async function* readLog(parts: LogParts, options: LogOptions): AsyncIterable<string> {
  const { clock, namespace, name, readPod } = parts;
  const { follow = false, signal } = options;
  while (!signal?.aborted) {
    const pod = await readPod();
    if (pod === undefined) throw new NotFoundError(`Pod ${namespace}/${name} is gone`);
    const log = await openLog(parts, containerOf(pod), options);
    if (log !== undefined) {
      yield* untilAborted(log, `${namespace}/${name}`, signal);
      return;
    }
    if (!follow || hasEnded(pod)) return;
    await sleep(clock, lookAgainMilliseconds, signal);
  }
}

/** Undefined when the container is waiting to start, so that there is no log yet. */
async function openLog(
  { rest, namespace, name }: LogParts,
  container: string | undefined,
  { follow = false, tailLines, previous = false, signal }: LogOptions,
): Promise<IncomingMessage | undefined> {
  const query = {
    container,
    follow: follow ? "true" : undefined,
    previous: previous ? "true" : undefined,
    tailLines: tailLines === undefined ? undefined : String(tailLines),
  };
  const place = { resource: pods, namespace, name, subresource: "log" } as const;
  try {
    return await rest.open({ verb: "get", ...place, query, signal });
  } catch (error) {
    if (previous && error instanceof InvalidError) throw noPreviousLog(namespace, name, error);
    if (error instanceof InvalidError || signal?.aborted) return undefined;
    throw error;
  }
}

async function* untilAborted(
  log: IncomingMessage,
  pod: string,
  signal: AbortSignal | undefined,
): AsyncIterable<string> {
  try {
    log.setEncoding("utf8");
    yield* log;
  } catch (error) {
    if (!signal?.aborted)
      throw new CutOffError(`the log of Pod ${pod} was cut off: ${(error as Error).message}`);
  }
}

function containerOf({ metadata, spec }: Pod): string | undefined {
  return metadata.annotations?.[defaultContainer] ?? spec.containers[0]?.name;
}

const hasEnded = ({ status }: Pod) => status?.phase === "Succeeded" || status?.phase === "Failed";
