import type { Artifact } from "../api/artifact.ts";
import { stagePrograms } from "../contract/index.ts";
import type { Stage } from "../kinds/batch-kind.ts";

/** For tests: holds the configuration of a stage against the contract of its program, as the kernel will. */

export function contractIssues(stage: Stage, done: ReadonlyMap<string, Artifact>): string[] {
  const run = { kind: "Corpus", namespace: "default", name: "a", uid: "1", stage: stage.name, attempt: 1 };
  const whole = { ...stage.config(done), run, output: `output/${stage.name}`, threads: 1 };
  // Through JSON, as the program reads it: a field that is undefined is not there.
  const parsed = stagePrograms[stage.program].safeParse(JSON.parse(JSON.stringify(whole)));
  const issues = parsed.success ? [] : parsed.error.issues;
  return [
    ...issues.map((issue) => `${stage.name}: ${issue.path.join(".")}: ${issue.message}`),
    ...unmounted(stage, whole),
  ];
}

/** Every path below inputs/ must be mounted, and every mount be read. */
function unmounted(stage: Stage, config: unknown): string[] {
  const named = new Set(JSON.stringify(config).match(/(?<="inputs\/)[^"]+/g));
  const mounted = new Set(stage.mounts.map((mount) => mount.name));
  return [
    ...[...named.difference(mounted)].map((name) => `${stage.name}: inputs/${name} is not mounted`),
    ...[...mounted.difference(named)].map((name) => `${stage.name}: mount ${name} is not read`),
  ];
}
