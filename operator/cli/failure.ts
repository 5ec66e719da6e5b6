import type { Ending } from "./exit-codes.ts";

/** A known bad ending: one sentence that says what, where and how to mend it. Printed without a stack trace. */
export class Failure extends Error {
  readonly ending: Exclude<Ending, "done" | "internal">;

  constructor(ending: Failure["ending"], message: string) {
    super(message);
    this.ending = ending;
  }
}
