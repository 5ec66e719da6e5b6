import { admit } from "../api/admission.ts";
import type { Artifact, Reference } from "../api/artifact.ts";
import { type KindDefinition, kinds } from "../api/kinds.ts";
import type { Reason } from "../api/reasons.ts";
import type { Plan } from "../api/status.ts";
import { InvalidError } from "../cluster/port.ts";
import type { ForeseenInput } from "../estimates/model-figures.ts";
import type { ForeseenFigures } from "./expected-artifacts.ts";
import { type PlannedKind, plannedKinds } from "./planned-kinds.ts";

/**
 * The plan of manifests among themselves, without a cluster: references are resolved among the given objects, and what an object will
 * make is foreseen from its manifest, unless its status already has the artifact.
 */

/** An object as it is written, or as a cluster holds it. */
export interface PlannedObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  spec?: unknown;
  status?: { artifact?: Artifact };
}

export interface Complaint {
  reason: Reason;
  message: string;
}

export interface ObjectPlan {
  kind: string;
  namespace: string;
  name: string;
  /** Absent where the spec is refused by the schema. */
  plan?: Plan;
  complaints: Complaint[];
}

/** Plans and complaints of every object of the six kinds, in the given order; objects of other kinds are passed over. */
export function planManifests(objects: readonly PlannedObject[], namespace = "default"): ObjectPlan[] {
  const planning = new Planning(objects, namespace);
  return planning.all();
}

interface Entry {
  object: PlannedObject;
  definition: KindDefinition;
  namespace: string;
  name: string;
}

interface Done {
  plan: ObjectPlan;
  /** What a reference to the object resolves to; absent for kinds that make no artifact others read. */
  foreseen?: ForeseenFigures | Artifact;
}

const keyOf = (kind: string, namespace: string, name: string): string => `${kind} ${namespace}/${name}`;

class Planning {
  readonly #entries = new Map<string, Entry>();
  readonly #done = new Map<string, Done>();
  /** Objects whose references are being followed, outermost first. */
  readonly #way: string[] = [];

  constructor(objects: readonly PlannedObject[], defaultNamespace: string) {
    for (const object of objects) {
      const definition = kinds.find(
        ({ resource }) => resource.kind === object.kind && resource.apiVersion === object.apiVersion,
      );
      const { name, namespace = defaultNamespace } = object.metadata;
      if (definition) this.#entries.set(keyOf(object.kind, namespace, name), { object, definition, namespace, name });
    }
  }

  all(): ObjectPlan[] {
    return [...this.#entries.values()].map((entry) => this.#planned(entry).plan);
  }

  #planned(entry: Entry): Done {
    const key = keyOf(entry.object.kind, entry.namespace, entry.name);
    const known = this.#done.get(key);
    if (known) return known;
    this.#way.push(key);
    const done = this.#plan(entry);
    this.#way.pop();
    this.#done.set(key, done);
    return done;
  }

  #plan({ object, definition, namespace, name }: Entry): Done {
    const plan: ObjectPlan = { kind: object.kind, namespace, name, complaints: [] };
    const spec = admitted(definition, { metadata: { namespace, name }, spec: object.spec }, plan.complaints);
    if (spec === undefined) return { plan };
    const kind = plannedKinds.get(object.kind);
    if (!kind) throw new TypeError(`${object.kind} is one of the six kinds and has no plan`);
    const inputs = this.#inputs(kind.references(spec), namespace, plan.complaints);
    plan.complaints.push(...this.#complaints(kind, spec, inputs, namespace));
    plan.plan = kind.plan(spec, inputs);
    const foreseen = object.status?.artifact ?? kind.foresee?.(spec, inputs, `${object.kind} ${name}`);
    return { plan, ...(foreseen && { foreseen }) };
  }

  #complaints(
    kind: PlannedKind,
    spec: unknown,
    inputs: ReadonlyMap<string, ForeseenInput>,
    namespace: string,
  ): Complaint[] {
    const refusal = kind.refuse(spec, inputs);
    const gates = kind.gates?.(spec, (gate) => this.#entries.get(keyOf("Evaluation", namespace, gate))?.object) ?? [];
    return [...(refusal ? [refusal] : []), ...gates];
  }

  /** Inputs that are foreseen; the others are complained of. */
  #inputs(references: Reference[], namespace: string, complaints: Complaint[]): ReadonlyMap<string, ForeseenInput> {
    const inputs = new Map<string, ForeseenInput>();
    for (const reference of references) {
      const key = keyOf(reference.kind, namespace, reference.name);
      const entry = this.#entries.get(key);
      const complaint = entry ? this.#cycle(key) : this.#missing(reference, namespace);
      if (complaint) complaints.push(complaint);
      if (!entry || complaint) continue;
      const { foreseen } = this.#planned(entry);
      if (foreseen) inputs.set(reference.role, inputOf(reference, foreseen));
    }
    return inputs;
  }

  #cycle(key: string): Complaint | undefined {
    const start = this.#way.indexOf(key);
    if (start < 0) return undefined;
    const way = [...this.#way.slice(start), key].join(" -> ");
    return {
      reason: "CyclicReference",
      message: `the references lead back: ${way}; let one of them name another object`,
    };
  }

  #missing({ role, kind, name }: Reference, namespace: string): Complaint {
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

/** The spec with its defaults, or the complaints the API server would have. */
function admitted(
  definition: KindDefinition,
  candidate: Parameters<typeof admit>[1],
  complaints: Complaint[],
): unknown {
  try {
    return admit(definition, candidate);
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error;
    const causes = error.causes.map(
      ({ field, message }): Complaint => ({ reason: "InvalidSpec", message: `${field}: ${message}` }),
    );
    complaints.push(...causes);
    return undefined;
  }
}

/** A foreseen artifact lies nowhere and has no digest yet: no plan looks at those. */
function inputOf(reference: Reference, foreseen: ForeseenFigures | Artifact): ForeseenInput {
  if ("digest" in foreseen) return { ...reference, artifact: foreseen };
  const { shape, ...figures } = foreseen;
  const nowhere = { stage: "", claimName: "", path: ".", digest: "", sizeBytes: 0, parents: [] };
  return { ...reference, artifact: { ...nowhere, ...figures }, ...(shape && { shape }) };
}
