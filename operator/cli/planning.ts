import { isTrue } from "../cluster/conditions.ts";
import { kindKeyOf } from "../cluster/object-key.ts";
import { type ObjectPlan, planManifests } from "../planning/manifests.ts";
import type { PlannedObject } from "../planning/planned-kinds.ts";
import type { Finding, Surroundings } from "../planning/surroundings.ts";
import { planFacts } from "./describe/facts.ts";
import { type AnyObject, title } from "./kinds.ts";
import { checkChanges } from "./manifests/changes.ts";
import { describeProblem, InvalidManifests, type Problem } from "./manifests/documents.ts";
import { type Manifest, pathOf, problemAt } from "./manifests/manifest.ts";
import { presentObjects } from "./session.ts";
import { lookAround } from "./surroundings.ts";
import type { Target } from "./target/target.ts";
import { printable } from "./terminal/printable.ts";
import type { Cell, Column } from "./terminal/table.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** What manifests will take, and what is found when they are held against each other and what there is. */
export interface Planned {
  plans: ObjectPlan[];
  findings: { finding: Finding; problem: Problem }[];
}

/** Judges manifests in a target, for validate, plan and run alike. Throws InvalidManifests for changes. */
export async function planIn(target: Target, manifests: readonly Manifest[]): Promise<Planned> {
  const present = await presentObjects(target, manifests);
  checkChanges(manifests, present, target);
  return planAll(manifests, present, await lookAround(target, manifests, present));
}

function planAll(
  manifests: readonly Manifest[],
  present: readonly AnyObject[],
  surroundings: Surroundings,
): Planned {
  const ours = manifests.filter(({ kind }) => kind !== undefined);
  const byKey = new Map(
    ours.map((one) => [kindKeyOf({ kind: one.object.kind, ...one.object.metadata }), one]),
  );
  const objects = planInputs(
    [...byKey.values()].map(({ object }) => object),
    present,
  );
  const planned: Planned = { plans: [], findings: [] };
  for (const plan of planManifests(objects, { surroundings })) {
    const manifest = byKey.get(kindKeyOf(plan));
    if (manifest === undefined) continue;
    planned.plans.push(plan);
    for (const finding of plan.problems) planned.findings.push({ finding, problem: at(manifest, finding) });
  }
  return planned;
}

type Place = { namespace: string; name: string };

/** Objects to plan, and those beside them; what has succeeded already stands by what it has made. */
export function planInputs(
  planned: readonly (Omit<PlannedObject, "metadata" | "status"> & { metadata: Place })[],
  present: readonly AnyObject[],
): PlannedObject[] {
  const key = ({ kind, metadata }: { kind: string; metadata: Place }) => kindKeyOf({ kind, ...metadata });
  const keys = new Set(planned.map(key));
  const done = new Map(
    present
      .filter(({ status }) => isTrue(status?.conditions, "Succeeded"))
      .map((object) => [key(object), object.status]),
  );
  return [
    ...planned.map((object) => ({ ...object, status: done.get(key(object)) })),
    ...present.filter((object) => !keys.has(key(object))),
  ];
}

function at({ document, object }: Manifest, { field, reason, message }: Finding): Problem {
  const sentence = reason === undefined ? message : `${reason}: ${message}`;
  if (field !== undefined) return problemAt(document, title(object), pathOf(field), sentence);
  // A refusal names its field in its sentence.
  const [named] = /^spec\.[\w.[\]-]+/.exec(message) ?? [];
  const problem = problemAt(document, title(object), [], sentence);
  return named === undefined ? problem : { ...problem, line: document.line(pathOf(named)) };
}

/** Says on standard error what is not there yet, and throws InvalidManifests for what cannot succeed. */
export function requireNoErrors({ findings }: Pick<Planned, "findings">): void {
  const isError = ({ finding }: Planned["findings"][number]) => finding.severity === "error";
  for (const { problem } of findings.filter((one) => !isError(one)))
    process.stderr.write(`warning: ${printable(describeProblem(problem))}\n`);
  const errors = findings.filter(isError);
  if (errors.length > 0) throw new InvalidManifests(errors.map(({ problem }) => problem));
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
