import { admit } from "../api/admission.ts";
import type { Artifact, Reference } from "../api/artifact.ts";
import { type KindDefinition, kinds } from "../api/kinds.ts";
import type { Plan } from "../api/status.ts";
import { kindKeyOf, type ObjectName } from "../cluster/object-key.ts";
import { InvalidError } from "../cluster/port.ts";
import type { ExpectedInput } from "../estimates/model-figures.ts";
import type { Refusal } from "../estimates/refusal.ts";
import type { ExpectedFigures } from "./expected-artifacts.ts";
import { type PlannedKind, type PlannedObject, plannedKinds } from "./planned-kinds.ts";

/**
 * The plan of manifests among themselves, without a cluster: references are resolved among the given objects,
 * and what an object will make is expected from its manifest, unless its status already has the artifact.
 */

export interface ObjectPlan {
  kind: string;
  namespace: string;
  name: string;
  /** Absent where the spec is refused by the schema. */
  plan?: Plan;
  problems: Refusal[];
}

/**
 * Plans and problems of every object of the six kinds, in the given order; objects of other kinds are passed
 * over.
 */
export function planManifests(objects: readonly PlannedObject[], namespace = "default"): ObjectPlan[] {
  const planning = new Planning(objects, namespace);
  return planning.all();
}

interface Entry extends ObjectName {
  object: PlannedObject;
  definition: KindDefinition;
}

interface Done {
  plan: ObjectPlan;
  /** What a reference to the object resolves to; absent for kinds that make no artifact others read. */
  expected?: ExpectedFigures | Artifact;
}

class Planning {
  readonly #entries = new Map<string, Entry>();
  readonly #done = new Map<string, Done>();
  /** Objects whose references are being followed, outermost first. */
  readonly #way: Entry[] = [];

  constructor(objects: readonly PlannedObject[], defaultNamespace: string) {
    for (const object of objects) {
      const definition = kinds.find(
        ({ resource }) => resource.kind === object.kind && resource.apiVersion === object.apiVersion,
      );
      if (definition === undefined) continue;
      const { name, namespace = defaultNamespace } = object.metadata;
      const entry = { object, definition, kind: object.kind, namespace, name };
      this.#entries.set(kindKeyOf(entry), entry);
    }
  }

  all(): ObjectPlan[] {
    return [...this.#entries.values()].map((entry) => this.#planned(entry).plan);
  }

  #planned(entry: Entry): Done {
    const key = kindKeyOf(entry);
    const known = this.#done.get(key);
    if (known) return known;
    this.#way.push(entry);
    const done = this.#plan(entry);
    this.#way.pop();
    this.#done.set(key, done);
    return done;
  }

  #plan({ object, definition, namespace, name }: Entry): Done {
    const plan: ObjectPlan = { kind: object.kind, namespace, name, problems: [] };
    const spec = admitted(definition, { metadata: { namespace, name }, spec: object.spec }, plan.problems);
    if (spec === undefined) return { plan };
    const kind = plannedKinds.get(object.kind);
    if (!kind) throw new TypeError(`${object.kind} is one of the six kinds and has no plan`);
    const inputs = this.#inputs(kind.references(spec), namespace, plan.problems);
    plan.problems.push(...this.#refusals(kind, spec, inputs, namespace));
    plan.plan = kind.plan(spec, inputs);
    const expected =
      object.status?.artifact ?? kind.expectedArtifact?.(spec, inputs, `${object.kind} ${name}`);
    return { plan, expected };
  }

  #refusals(
    kind: PlannedKind,
    spec: unknown,
    inputs: ReadonlyMap<string, ExpectedInput>,
    namespace: string,
  ): Refusal[] {
    const refusal = kind.refuse(spec, inputs);
    const evaluation = (name: string) =>
      this.#entries.get(kindKeyOf({ kind: "Evaluation", namespace, name }));
    const gates = kind.gates?.(spec, (gate) => evaluation(gate)?.object) ?? [];
    return [...(refusal ? [refusal] : []), ...gates];
  }

  /** Inputs that are expected; the others are problems. */
  #inputs(
    references: Reference[],
    namespace: string,
    problems: Refusal[],
  ): ReadonlyMap<string, ExpectedInput> {
    const inputs = new Map<string, ExpectedInput>();
    for (const reference of references) {
      const entry = this.#entries.get(kindKeyOf({ ...reference, namespace }));
      const problem = entry ? this.#cycle(entry) : this.#missing(reference, namespace);
      if (problem) problems.push(problem);
      if (!entry || problem) continue;
      const { expected } = this.#planned(entry);
      if (expected) inputs.set(reference.role, inputOf(reference, expected));
    }
    return inputs;
  }

  #cycle(entry: Entry): Refusal | undefined {
    const start = this.#way.indexOf(entry);
    if (start < 0) return undefined;
    const way = [...this.#way.slice(start), entry].map(({ kind, name }) => `${kind}/${name}`).join(" -> ");
    return {
      reason: "CyclicReference",
      message: `the references lead back: ${way}; let one of them name another object`,
    };
  }

  #missing({ role, kind, name }: Reference, namespace: string): Refusal {
    const namesakes = [...this.#entries.values()].filter(
      (entry) => entry.name === name && entry.namespace === namespace,
    );
    const [namesake] = namesakes;
    const mend = namesake
      ? `there is a ${namesake.object.kind} of that name: refer to it by its own field, or correct the name`
      : "add it, or correct the name";
    return {
      reason: "InputNotFound",
      message: `${kind} ${name} (${role}) is not among the objects of namespace ${namespace}; ${mend}`,
    };
  }
}

/** The spec with its defaults, or the problems the API server would have. */
function admitted(
  definition: KindDefinition,
  candidate: Parameters<typeof admit>[1],
  problems: Refusal[],
): unknown {
  try {
    return admit(definition, candidate);
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error;
    const causes = error.causes.map(
      ({ field, message }): Refusal => ({ reason: "InvalidSpec", message: `${field}: ${message}` }),
    );
    problems.push(...causes);
    return undefined;
  }
}

/** An expected artifact lies nowhere and has no digest yet: no plan looks at those. */
function inputOf(reference: Reference, expected: ExpectedFigures | Artifact): ExpectedInput {
  if ("digest" in expected) return { ...reference, artifact: expected };
  const { shape, ...figures } = expected;
  const nowhere = { stage: "", claimName: "", path: ".", digest: "", sizeBytes: 0, parents: [] };
  return { ...reference, artifact: { ...nowhere, ...figures }, shape };
}
