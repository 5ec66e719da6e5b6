import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../clock/clock.ts";
import type { ObjectName } from "../cluster/object-key.ts";
import type { Pod } from "../cluster/objects.ts";
import type { KernelProgress } from "../kinds/batch-kind.ts";
import type { AskProgress } from "./progress.ts";

export interface PollerOptions {
  ask: AskProgress;
  /** Between two questions to a pod. */
  seconds: number;
  clock: Clock;
  /** Called when a pod has said something new, with the run it works for. */
  wake: (run: ObjectName) => void;
}

interface Polled {
  /** When a reconcile last looked. */
  lookedAt: number;
  askedAt?: number;
  isAsking: boolean;
  said?: KernelProgress;
}

/** Pods asked at the same time: one that does not answer takes all its time. */
const mostAtOnce = 64;
/** A run is looked at more often than every so many pauses while it lasts. */
const forgottenAfter = 10;

/**
 * Asks running programs how far they are, beside the reconciles: a reconcile takes what was said last and
 * waits for nobody. Invariants:
 * - a pod is asked at most once in so many seconds, whatever wakes its run meanwhile;
 * - what a pod says that is new wakes its run once;
 * - nothing is kept of a pod that no reconcile looks at any more.
 */
export class ProgressPoller {
  readonly #options: PollerOptions;
  /** By the pod's UID, for its address may be another's next; the one looked at longest ago comes first. */
  readonly #pods = new Map<string, Polled>();
  #asking = 0;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** What the pod has said last; asks again where that is due. */
  look(run: ObjectName, { metadata: { uid }, status }: Pod): KernelProgress | undefined {
    const lookedAt = this.#options.clock.now().getTime();
    const polled: Polled = this.#pods.get(uid) ?? { lookedAt, isAsking: false };
    polled.lookedAt = lookedAt;
    this.#pods.delete(uid);
    this.#pods.set(uid, polled);
    this.#forget(lookedAt);
    if (status?.podIP !== undefined && this.#isDue(polled)) void this.#ask(run, status.podIP, polled);
    return polled.said;
  }

  #isDue({ lookedAt, askedAt, isAsking }: Polled): boolean {
    if (isAsking || this.#asking >= mostAtOnce) return false;
    // Timers may fire a little early.
    return askedAt === undefined || lookedAt - askedAt >= this.#options.seconds * 900;
  }

  async #ask(run: ObjectName, podIP: string, polled: Polled): Promise<void> {
    this.#asking++;
    polled.askedAt = polled.lookedAt;
    polled.isAsking = true;
    const said = await this.#options.ask(podIP);
    polled.isAsking = false;
    this.#asking--;
    if (said === undefined || isDeepStrictEqual(said, polled.said)) return;
    polled.said = said;
    this.#options.wake(run);
  }

  #forget(now: number): void {
    for (const [uid, { lookedAt, isAsking }] of this.#pods) {
      if (isAsking || now - lookedAt < this.#options.seconds * 1000 * forgottenAfter) return;
      this.#pods.delete(uid);
    }
  }
}
