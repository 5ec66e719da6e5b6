import { type ObjectPlan, planManifests } from "../planning/manifests.ts";
import { planFacts } from "./describe/facts.ts";
import type { AnyObject } from "./kinds.ts";
import { InvalidManifests, type Problem } from "./manifests/documents.ts";
import { type Manifest, problemAt } from "./manifests/manifest.ts";
import type { Cell, Column } from "./terminal/table.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** What manifests will take, and what is wrong between them: references, tokenizers, memory. */
export interface Planned {
  plans: ObjectPlan[];
  problems: Problem[];
}

/** `present`: objects that are there already; manifests may refer to them. */
export function planAll(manifests: readonly Manifest[], present: readonly AnyObject[]): Planned {
  const ours = manifests.filter(({ kind }) => kind !== undefined);
  const isOurs = (one: { kind: string; namespace: string; name: string }) =>
    ours.find(
      ({ object: { kind, metadata } }) =>
        kind === one.kind && metadata.namespace === one.namespace && metadata.name === one.name,
    );
  const others = present.filter(({ kind, metadata }) => isOurs({ kind, ...metadata }) === undefined);
  const all = planManifests([...ours.map(({ object }) => object), ...others]);
  const plans = all.filter(isOurs);
  const problems = plans.flatMap((plan) => {
    const manifest = isOurs(plan);
    const message = (reason: string, text: string) => `${reason}: ${text}`;
    return manifest
      ? plan.problems.map((one) =>
          problemAt(manifest.document, `${plan.kind}/${plan.name}`, [], message(one.reason, one.message)),
        )
      : [];
  });
  return { plans, problems };
}

/** Throws InvalidManifests when something is wrong between the manifests. */
export function requireNoProblems({ problems }: Planned): void {
  if (problems.length > 0) throw new InvalidManifests(problems);
}

const titles = ["parameters", "tokens", "steps", "ranks", "memory per rank", "checkpoint", "time"] as const;

const columns: Column[] = [
  { title: "OBJECT", least: 16 },
  ...titles.map((title): Column => ({ title: title.toUpperCase(), align: "right" })),
];

export function printPlans(terminal: Pick<Terminal, "table">, { plans }: Planned): void {
  const rows = plans.map(({ kind, name, plan }): Cell[] => {
    const facts = new Map(plan ? planFacts(plan) : []);
    return [{ text: `${kind}/${name}` }, ...titles.map((title) => ({ text: facts.get(title) ?? "" }))];
  });
  terminal.table(columns, rows);
}
