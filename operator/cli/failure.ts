import type { Phase } from "../api/reasons.ts";

/**
 * What the command's exit status says. The one list: `--help` prints it, and nothing else in the command
 * names a number.
 */
export const exitCodes = {
  done: { code: 0, about: "done" },
  failed: {
    code: 1,
    about: "a run failed or needs a person, an endpoint is not ready, or the work could not be done",
  },
  usage: { code: 2, about: "the command line is wrong" },
  invalid: { code: 3, about: "manifests are invalid; nothing was changed" },
  notFound: { code: 4, about: "an object, file or operator that was named does not exist" },
  unfinished: { code: 5, about: "not finished: timed out, suspended or still running" },
  internal: { code: 70, about: "a defect of the command itself" },
  interrupted: { code: 130, about: "interrupted before it was done; run again to resume" },
} as const satisfies Record<string, { code: number; about: string }>;

export type ExitCode = keyof typeof exitCodes;

/** What waiting for objects ends with, by their phase: the first line that one of them is in decides. */
const exitCodeOfPhase = {
  failed: "failed",
  blocked: "failed",
  // What waits for a suspended run has not failed.
  suspended: "unfinished",
  running: "unfinished",
  waiting: "failed",
  done: "done",
} as const satisfies Record<Phase, ExitCode>;

export function exitCodeOfPhases(phases: readonly Phase[]): "done" | "failed" | "unfinished" {
  const decisive = (Object.keys(exitCodeOfPhase) as Phase[]).find((phase) => phases.includes(phase));
  return exitCodeOfPhase[decisive ?? "done"];
}

export function exitCodeTable(): string {
  const lines = Object.values(exitCodes).map(({ code, about }) => `  ${String(code).padStart(3)}  ${about}`);
  return ["Exit codes:", ...lines].join("\n");
}

/**
 * An expected failure: one sentence that says what, where and how to fix it. Printed without a stack trace.
 */
export class Failure extends Error {
  readonly exitCode: Exclude<ExitCode, "done" | "internal">;

  constructor(exitCode: Failure["exitCode"], message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
