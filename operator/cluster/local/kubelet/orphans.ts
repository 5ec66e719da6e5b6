import { existsSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../../clock/clock.ts";
import { Loop } from "../work-loop.ts";
import { Attempt } from "./container.ts";
import { podsDirectory } from "./pod-directory.ts";

const graceMilliseconds = 30_000;
const period = 50;

/**
 * Clears away what pods leave whose objects are gone: their processes (TERM, grace, KILL), then their
 * directory.
 */
export class Orphans {
  readonly #directory: string;
  readonly #loop: Loop;
  readonly #askedAt = new Map<string, number>();

  constructor(stateDirectory: string, clock: Clock, report: (error: unknown) => void) {
    this.#directory = podsDirectory(stateDirectory);
    this.#loop = new Loop(clock, report, (uid) => {
      const directory = join(this.#directory, uid);
      if (!existsSync(directory)) return undefined;
      const now = clock.now().getTime();
      const living = attemptsOf(directory).filter(isLiving);
      if (living.length === 0) {
        this.#askedAt.delete(uid);
        rm(directory, { recursive: true, force: true }).catch(report);
        return undefined;
      }
      const askedAt = this.#askedAt.get(uid);
      const states = living.map((attempt) => attempt.observe().state);
      if (askedAt === undefined && !states.includes("starting")) this.#askedAt.set(uid, now);
      for (const [index, attempt] of living.entries()) {
        if (states[index] === "ended" || now - (askedAt ?? now) >= graceMilliseconds) attempt.kill();
        else if (askedAt === undefined) attempt.terminate();
      }
      return period;
    });
  }

  /** Takes charge of every pod directory that no pod has. */
  adopt(living: ReadonlySet<string>): void {
    for (const uid of readdirSync(this.#directory)) if (!living.has(uid)) this.mark(uid);
  }

  mark(uid: string): void {
    this.#loop.mark(uid);
  }

  stop(): void {
    this.#loop.stop();
  }
}

/** Also sees to it that an attempt which has not begun never does. */
function isLiving(attempt: Attempt): boolean {
  return !attempt.forestall() && (attempt.observe().state === "starting" || attempt.members().length > 0);
}

function attemptsOf(podDirectory: string): Attempt[] {
  const attempts = join(podDirectory, "attempts");
  return existsSync(attempts) ? readdirSync(attempts).map((name) => new Attempt(join(attempts, name))) : [];
}
