import type { Phase } from "../../api/reasons.ts";
import { systemClock } from "../../clock/clock.ts";
import { sleep } from "../../clock/sleep.ts";
import { kindKeyOf, type ObjectName } from "../../cluster/object-key.ts";
import type { Cluster } from "../../cluster/port.ts";
import { exitCodeOfPhases, Failure } from "../failure.ts";
import { type AnyObject, rootCondition, title } from "../kinds.ts";
import { isSettled, isUnseen, phaseOf } from "./phase.ts";
import { Store } from "./store.ts";
import type { View } from "./views.ts";

export interface WaitOptions {
  /** Objects that are shown. */
  watched: readonly ObjectName[];
  /** Those of them that are waited for; absent: all. */
  until?: readonly ObjectName[];
  timeoutSeconds?: number;
  /** Aborted when the person interrupts. */
  signal: AbortSignal;
  now: () => number;
  /**
   * Whether what the objects say of themselves holds. An operator that has just started shows what an earlier
   * one wrote until it has looked again.
   */
  confirm: (objects: readonly AnyObject[]) => Promise<boolean>;
  /** What to check when no operator reconciles the objects. */
  operatorHint: string;
}

export interface WaitResult {
  end: "settled" | "timedOut" | "interrupted";
  /** The objects that were waited for, as they stood at the end. */
  objects: AnyObject[];
  /** Those that were deleted meanwhile. */
  gone: ObjectName[];
}

const tickMilliseconds = 250;

/** An operator reconciles a new object within a second or two. */
const patienceSeconds = 20;

/** Shows objects until none can move without a person, time is up or the person interrupts. */
export async function waitFor(cluster: Cluster, view: View, options: WaitOptions): Promise<WaitResult> {
  const { watched, until = watched, signal, now, confirm } = options;
  const store = new Store(watched, view, now);
  const deadline = now() + (options.timeoutSeconds ?? Number.POSITIVE_INFINITY) * 1000;
  const awaited = new Set(until.map(kindKeyOf));
  const look = async (): Promise<WaitResult | undefined> => {
    const { wanted = [], others = [] } = Object.groupBy(store.observed(), ({ object }) =>
      awaited.has(keyOfObject(object)) ? "wanted" : "others",
    );
    const objects = wanted.map(({ object }) => object);
    const found = new Set(objects.map(keyOfObject));
    const gone = until.filter((name) => !found.has(kindKeyOf(name)));
    if (signal.aborted) return { end: "interrupted", objects, gone };
    const settled = store.complete && isSettled(wanted, others);
    if (settled && (await confirm(objects))) return { end: "settled", objects, gone };
    return now() >= deadline ? { end: "timedOut", objects, gone } : undefined;
  };
  let patience = now() + patienceSeconds * 1000;
  try {
    await store.open(cluster);
    for (;;) {
      view.tick(store.objects);
      const unseen = store.objects.find(isUnseen);
      if (unseen !== undefined && now() >= patience) {
        patience = Number.POSITIVE_INFINITY;
        view.onNotice(
          `no operator has looked at ${title(unseen)} for ${patienceSeconds} s; is one running? ${options.operatorHint}`,
        );
      }
      const result = await look();
      if (result !== undefined) return result;
      await sleep(systemClock, tickMilliseconds, signal);
    }
  } finally {
    view.finish(store.objects);
    store.close();
  }
}

const keyOfObject = ({ kind, metadata }: AnyObject): string => kindKeyOf({ kind, ...metadata });

/**
 * How waiting ended, for the exit code: undefined when all is done, else a Failure that names the objects and
 * why.
 */
export function conclude({ end, objects, gone }: WaitResult, mend: string): Failure | undefined {
  const lines = (...phases: Phase[]) =>
    objects.filter((object) => phases.includes(phaseOf(object))).map(explain);
  if (end === "interrupted") return new Failure("interrupted", `interrupted; ${mend}`);
  if (end === "timedOut") {
    const unfinished = lines("failed", "blocked", "suspended", "running", "waiting");
    return new Failure("unfinished", [`not finished in time; ${mend}`, ...unfinished].join("\n"));
  }
  const [deleted] = gone;
  if (deleted)
    return new Failure("failed", `${deleted.kind}/${deleted.name} was deleted while it was being waited for`);
  const exitCode = exitCodeOfPhases(objects.map(phaseOf));
  if (exitCode === "done") return undefined;
  if (exitCode === "unfinished")
    return new Failure(
      exitCode,
      ["suspended; set spec.suspend to false to resume", ...lines("suspended")].join("\n"),
    );
  const bad = lines("failed", "blocked", "waiting");
  return new Failure(
    exitCode,
    [`${bad.length} of ${objects.length} objects did not succeed`, ...bad].join("\n"),
  );
}

function explain(object: AnyObject): string {
  const root = rootCondition(object);
  return `  ${title(object)}: ${root ? `${root.reason}: ${root.message}` : "not looked at by the operator yet"}`;
}
