import { kindKeyOf } from "../cluster/object-key.ts";
import { type ObjectPlan, planManifests } from "../planning/manifests.ts";
import { planFacts } from "./describe/facts.ts";
import { type AnyObject, title } from "./kinds.ts";
import { InvalidManifests, type Problem } from "./manifests/documents.ts";
import { type Manifest, problemAt } from "./manifests/manifest.ts";
import type { Cell, Column } from "./terminal/table.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** What manifests will take, and what is wrong with them together: references, tokenizers, memory. */
export interface Planned {
  plans: ObjectPlan[];
  problems: Problem[];
}

/** `present`: objects that are there already; manifests may refer to them. */
export function planAll(manifests: readonly Manifest[], present: readonly AnyObject[]): Planned {
  const ours = manifests.filter(({ kind }) => kind !== undefined);
  const byKey = new Map(
    ours.map((one) => [kindKeyOf({ kind: one.object.kind, ...one.object.metadata }), one]),
  );
  const others = present.filter(({ kind, metadata }) => !byKey.has(kindKeyOf({ kind, ...metadata })));
  const plans: ObjectPlan[] = [];
  const problems: Problem[] = [];
  for (const plan of planManifests([...ours.map(({ object }) => object), ...others])) {
    const manifest = byKey.get(kindKeyOf(plan));
    if (manifest === undefined) continue;
    plans.push(plan);
    for (const { reason, message } of plan.problems)
      problems.push(problemAt(manifest.document, title(manifest.object), [], `${reason}: ${message}`));
  }
  return { plans, problems };
}

/** Throws InvalidManifests for what is wrong with the manifests together. */
export function requireNoProblems({ problems }: Planned): void {
  if (problems.length > 0) throw new InvalidManifests(problems);
}

const titles = ["parameters", "tokens", "steps", "ranks", "memory per rank", "checkpoint", "time"] as const;

/** What a narrow terminal does without, first the highest; describe and -o json have it all. */
const drop: Partial<Record<(typeof titles)[number], number>> = {
  steps: 5,
  ranks: 4,
  checkpoint: 3,
  tokens: 2,
  parameters: 1,
};

const columns: Column[] = [
  { title: "OBJECT", least: 26 },
  ...titles.map((title): Column => ({ title: title.toUpperCase(), align: "right", drop: drop[title] })),
];

export function printPlans(terminal: Pick<Terminal, "table">, { plans }: Planned): void {
  const rows = plans.map(({ kind, name, plan }): Cell[] => {
    const facts = new Map(plan ? planFacts(plan) : []);
    return [{ text: `${kind}/${name}` }, ...titles.map((title) => ({ text: facts.get(title) ?? "" }))];
  });
  terminal.table(columns, rows);
}
