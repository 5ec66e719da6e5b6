import { Failure } from "../failure.ts";
import { type AnyObject, rootCondition, title } from "../kinds.ts";
import { type Standing, standingOf } from "../watch/phase.ts";
import type { Attended } from "../watch/wait.ts";

/** How waiting ended, for the exit code: undefined when all is well, else a Failure that names the objects and why. */
export function conclude({ end, objects, gone }: Attended, mend: string): Failure | undefined {
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
