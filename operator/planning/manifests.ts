import { admit } from "../api/admission.ts";
import type { Artifact, Reference } from "../api/artifact.ts";
import { type KindDefinition, kinds } from "../api/kinds.ts";
import type { Plan } from "../api/status.ts";
import { findCondition, isTrue } from "../cluster/conditions.ts";
import { kindKeyOf, type ObjectName } from "../cluster/object-key.ts";
import { InvalidError } from "../cluster/port.ts";
import type { ExpectedInput } from "../estimates/model-figures.ts";
import type { Refusal } from "../estimates/refusal.ts";
import { importedModel } from "../kinds/imported-model.ts";
import { gateNotFound } from "../kinds/inference-deployment/kind.ts";
import { claimNameTaken, type Need } from "../kinds/needs.ts";
import { cyclicReference, inputFailed, inputNotFound } from "../kinds/reference-problems.ts";
import type { ExpectedFigures } from "./expected-artifacts.ts";
import { judgeMachine } from "./judge-machine.ts";
import { judgeNeeds } from "./judge-needs.ts";
import { type PlannedKind, type PlannedObject, plannedKinds } from "./planned-kinds.ts";
import type { Finding, Surroundings } from "./surroundings.ts";

/**
 * Manifests judged without running anything: references are resolved among the given objects, what an object
 * will make is expected from its manifest, unless its status already has the artifact, and what it needs
 * beside is held against its surroundings.
 */

export interface ObjectPlan {
  kind: string;
  namespace: string;
  name: string;
  /** Absent where the spec is refused by the schema. */
  plan?: Plan;
  problems: Finding[];
}

/**
 * Plans and problems of every object of the six kinds, in the given order; objects of other kinds are passed
 * over.
 */
export function planManifests(
  objects: readonly PlannedObject[],
  { namespace = "default", surroundings }: { namespace?: string; surroundings?: Surroundings } = {},
): ObjectPlan[] {
  return new Planning(objects, namespace, surroundings).all();
}

/** What an object needs beside objects of the six kinds; nothing where the schema refuses its spec. */
export function needsOf({ kind, spec }: Pick<PlannedObject, "kind" | "spec">): Need[] {
  const definition = kinds.find(({ resource }) => resource.kind === kind);
  const parsed = definition?.spec.safeParse(spec);
  return parsed?.success ? (plannedKinds.get(kind)?.needs(parsed.data) ?? []) : [];
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

  readonly #surroundings: Surroundings | undefined;

  constructor(
    objects: readonly PlannedObject[],
    defaultNamespace: string,
    surroundings: Surroundings | undefined,
  ) {
    this.#surroundings = surroundings;
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
    const needs = kind.needs(spec);
    const inputs = this.#inputs(spec, kind.references(spec), namespace, plan.problems);
    // What has succeeded needs nothing more.
    if (this.#surroundings && !isTrue(object.status?.conditions, "Succeeded")) {
      for (const need of needs) this.#readModel(need, namespace, this.#surroundings, inputs, plan.problems);
      plan.problems.push(...judgeNeeds(needs, namespace, this.#surroundings));
      plan.problems.push(...this.#judgePlace(spec as object, { kind: object.kind, namespace, name }));
    }
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
  ): Finding[] {
    const refusal = kind.refuse(spec, inputs);
    const gates = kind.gates?.(spec) ?? [];
    return [
      ...(refusal ? [wrong(refusal)] : []),
      ...gates.flatMap((name) => {
        const evaluation = this.#entries.get(kindKeyOf({ kind: "Evaluation", namespace, name }));
        const field = fieldNaming(spec, { kind: "Evaluation", name });
        if (evaluation === undefined) return [{ ...notThereYet(gateNotFound(name)), field }];
        const never = kind.refuseGate?.(spec, evaluation.object);
        return never ? [{ ...wrong(never), field }] : [];
      }),
    ];
  }

  /** Inputs that are expected; of the others it is found why not. */
  #inputs(
    spec: unknown,
    references: Reference[],
    namespace: string,
    findings: Finding[],
  ): Map<string, ExpectedInput> {
    const inputs = new Map<string, ExpectedInput>();
    for (const reference of references) {
      const entry = this.#entries.get(kindKeyOf({ ...reference, namespace }));
      const finding = entry ? this.#unusable(reference, entry) : this.#missing(reference, namespace);
      if (finding) findings.push({ ...finding, field: fieldNaming(spec, reference) });
      if (!entry || finding) continue;
      const { expected } = this.#planned(entry);
      if (expected) inputs.set(reference.role, inputOf(reference, expected));
    }
    return inputs;
  }

  #judgePlace(spec: object, object: ObjectName): Finding[] {
    const { machine, takenClaim } = this.#surroundings ?? {};
    const taken = takenClaim?.(object);
    return [
      ...(machine ? judgeMachine(spec, machine) : []),
      ...(taken === undefined ? [] : [{ ...wrong(claimNameTaken(taken)), about: "surroundings" as const }]),
    ];
  }

  /** An imported model is an input too, where its directory can be read. */
  #readModel(
    need: Need,
    namespace: string,
    surroundings: Surroundings,
    inputs: Map<string, ExpectedInput>,
    findings: Finding[],
  ): void {
    const { name: claimName, data } = need;
    if (data?.format !== "model") return;
    const found = surroundings.data(need, namespace);
    const config = found?.files.find(({ path }) => path.endsWith("/config.json"));
    if (config === undefined) return;
    const model = importedModel({ claimName, path: data.path }, config.record?.text ?? "");
    if (!("problem" in model)) return void inputs.set("model", model);
    const message = `${config.path}: ${model.problem}`;
    findings.push({
      ...wrong({ reason: "InvalidData", message }),
      about: "surroundings",
      field: `spec.${data.field}`,
    });
  }

  #unusable(reference: Reference, entry: Entry): Finding | undefined {
    const start = this.#way.indexOf(entry);
    if (start >= 0) {
      const way = [...this.#way.slice(start), entry];
      return wrong(cyclicReference(way.map(({ kind, name }) => `${kind}/${name}`)));
    }
    const succeeded = findCondition(entry.object.status?.conditions, "Succeeded");
    return succeeded?.status === "False" ? wrong(inputFailed(reference, succeeded)) : undefined;
  }

  #missing(reference: Reference, namespace: string): Finding {
    const { name } = reference;
    const namesakes = [...this.#entries.values()].filter(
      (entry) => entry.name === name && entry.namespace === namespace,
    );
    const [namesake] = namesakes;
    const mend =
      namesake &&
      `there is a ${namesake.object.kind} of that name: refer to it by its own field, or correct the name`;
    return notThereYet(inputNotFound(reference, mend));
  }
}

/**
 * Where a spec names an object, e.g. spec.model.pretrainRun: fields are called as the kind they lead to, and
 * gates are a list of Evaluations.
 */
function fieldNaming(spec: unknown, { kind, name }: Pick<Reference, "kind" | "name">): string | undefined {
  const field = kind.charAt(0).toLowerCase() + kind.slice(1);
  const leadsThere = (path: string) =>
    path.endsWith(`.${field}`) ||
    path.endsWith(`.from${kind}`) ||
    (kind === "Evaluation" && /\.requires\[\d+\]$/.test(path));
  const find = (value: unknown, path: string): string | undefined => {
    if (typeof value !== "object" || value === null) return undefined;
    if ("name" in value && value.name === name && leadsThere(path)) return path;
    const below = Array.isArray(value)
      ? value.map((one, index) => [`${path}[${index}]`, one] as const)
      : Object.entries(value).map(([key, one]) => [`${path}.${key}`, one] as const);
    for (const [at, one] of below) {
      const found = find(one, at);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return find(spec, "spec");
}

/** What keeps the object from succeeding until somebody changes something. */
const wrong = (refusal: Refusal): Finding => ({ severity: "error", about: "manifests", ...refusal });

/** What may be applied later: the object waits for it. */
const notThereYet = (refusal: Refusal): Finding => ({ severity: "warning", about: "manifests", ...refusal });

/** The spec with its defaults, or the problems the API server would have. */
function admitted(
  definition: KindDefinition,
  candidate: Parameters<typeof admit>[1],
  findings: Finding[],
): unknown {
  try {
    return admit(definition, candidate);
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error;
    const causes = error.causes.map(
      ({ field, message }): Finding => wrong({ reason: "InvalidSpec", message: `${field}: ${message}` }),
    );
    findings.push(...causes);
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
