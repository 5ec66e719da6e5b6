import { Failure } from "../failure.ts";

/** One thing wrong with a manifest: where it stands, which object and field it is, and how it is mended. */
export interface Problem {
  file: string;
  line?: number;
  /** Kind/name, as far as known. */
  object?: string;
  field?: string;
  message: string;
}

export function describeProblem({ file, line, object, field, message }: Problem): string {
  return [line === undefined ? file : `${file}:${line}`, object, field, message].filter(Boolean).join(": ");
}

/** All problems at once, so that one round of editing mends them. */
export class InvalidManifests extends Failure {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    super("invalid", [...problems.map(describeProblem), `${count}; nothing was changed`].join("\n"));
    this.problems = problems;
  }
}
