import { existsSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Controller, type ControllerContext } from "../controller.ts";
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
  readonly #controller: Controller;
  readonly #terminatedAt = new Map<string, number>();

  constructor(context: ControllerContext, stateDirectory: string) {
    const { clock, report } = context;
    this.#directory = podsDirectory(stateDirectory);
    this.#controller = new Controller(context, (uid) => {
      const directory = join(this.#directory, uid);
      if (!existsSync(directory)) return undefined;
      const now = clock.now().getTime();
      const living = attemptsOf(directory).filter(isLiving);
      if (living.length === 0) {
        this.#terminatedAt.delete(uid);
        rm(directory, { recursive: true, force: true }).catch(report);
        return undefined;
      }
      const terminatedAt = this.#terminatedAt.get(uid);
      const states = living.map((attempt) => attempt.observe().state);
      if (terminatedAt === undefined && !states.includes("starting")) this.#terminatedAt.set(uid, now);
      for (const [index, attempt] of living.entries()) {
        if (states[index] === "ended" || now - (terminatedAt ?? now) >= graceMilliseconds) attempt.kill();
        else if (terminatedAt === undefined) attempt.terminate();
      }
      return period;
    });
  }

  /** Takes charge of every pod directory that no pod has. */
  adopt(living: ReadonlySet<string>): void {
    for (const uid of readdirSync(this.#directory)) if (!living.has(uid)) this.mark(uid);
  }

  mark(uid: string): void {
    this.#controller.mark(uid);
  }

  stop(): void {
    this.#controller.stop();
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
