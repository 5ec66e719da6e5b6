import { systemClock } from "../../clock/clock.ts";
import { sleep } from "../../clock/sleep.ts";
import { kindKeyOf, type ObjectName } from "../../cluster/object-key.ts";
import type { Cluster } from "../../cluster/port.ts";
import { Failure } from "../failure.ts";
import { type AnyObject, rootCondition, title } from "../kinds.ts";
import { isSettled, isUnseen, type Standing, standingOf } from "./phase.ts";
import { Store } from "./store.ts";
import type { View } from "./views.ts";

export interface WaitOptions {
  /** Objects that are shown. */
  watched: readonly ObjectName[];
  /** Those of them that are waited for; absent: all. */
  until?: readonly ObjectName[];
  timeoutSeconds?: number;
  /** Aborted when the person has had enough. */
  signal: AbortSignal;
  now: () => number;
  /**
   * Whether what the objects say of themselves holds. An operator that has just started shows what an earlier one wrote until it has
   * looked anew.
   */
  confirm: (objects: readonly AnyObject[]) => Promise<boolean>;
  /** What to look at when no operator looks at the objects. */
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

/** An operator looks at a new object within a second or two. */
const patienceSeconds = 20;

/** Shows objects until they are where they will stay, time is up or the person interrupts. */
export async function waitFor(cluster: Cluster, view: View, attendance: WaitOptions): Promise<WaitResult> {
  const { watched, until = watched, signal, now, confirm } = attendance;
  const store = new Store(watched, view, now);
  const deadline = now() + (attendance.timeoutSeconds ?? Number.POSITIVE_INFINITY) * 1000;
  const awaited = () => store.objects.filter((object) => until.some((one) => isObject(one, object)));
  const ended = async (): Promise<WaitResult["end"] | undefined> => {
    if (signal.aborted) return "interrupted";
    const objects = awaited();
    const others = store.objects.filter((object) => !objects.includes(object)).concat(store.others);
    const settled = store.complete && isSettled(objects, others, store.secondsUnchanged);
    if (settled && (await confirm(objects))) return "settled";
    return now() >= deadline ? "timedOut" : undefined;
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
          `no operator has looked at ${title(unseen)} for ${patienceSeconds} s; is one running? ${attendance.operatorHint}`,
        );
      }
      const end = await ended();
      const objects = awaited();
      const gone = until.filter((one) => !objects.some((object) => isObject(one, object)));
      if (end !== undefined) return { end, objects, gone };
      await sleep(systemClock, tickMilliseconds, signal);
    }
  } finally {
    view.finish(store.objects);
    store.close();
  }
}

const isObject = (name: ObjectName, { kind, metadata }: AnyObject): boolean =>
  kindKeyOf(name) === kindKeyOf({ kind, ...metadata });

/** How waiting ended, for the exit code: undefined when all is well, else a Failure that names the objects and why. */
export function conclude({ end, objects, gone }: WaitResult, mend: string): Failure | undefined {
  const lines = (...standings: Standing[]) =>
    objects.filter((object) => standings.includes(standingOf(object))).map(explain);
  if (end === "interrupted") return new Failure("interrupted", `interrupted; ${mend}`);
  if (end === "timedOut") {
    return new Failure(
      "unfinished",
      [`not finished in time; ${mend}`, ...lines("moving", "waiting", "suspended")].join("\n"),
    );
  }
  const [deleted] = gone;
  if (deleted) return new Failure("failed", `${deleted.kind}/${deleted.name} was deleted while it was waited for`);
  // What waits for a suspended run did not fail.
  if (lines("suspended").length > 0 && lines("failed").length === 0) {
    return new Failure(
      "unfinished",
      ["suspended; set spec.suspend to false to go on", ...lines("suspended")].join("\n"),
    );
  }
  const bad = lines("failed", "waiting");
  if (bad.length === 0) return undefined;
  return new Failure("failed", [`${bad.length} of ${objects.length} objects did not succeed`, ...bad].join("\n"));
}

function explain(object: AnyObject): string {
  const root = rootCondition(object);
  return `  ${title(object)}: ${root ? `${root.reason}: ${root.message}` : "not looked at by the operator yet"}`;
}
