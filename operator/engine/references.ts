import type { z } from "zod";
import type { Reference, ResolvedInput } from "../api/artifact.ts";
import type { TanrenObject } from "../api/kinds.ts";
import { findCondition, isTrue } from "../cluster/conditions.ts";
import type { Cluster } from "../cluster/port.ts";
import type { Resource } from "../cluster/resource.ts";
import { type BatchKind, type Run, type RunSpec, runResource } from "../kinds/batch-kind.ts";
import { inputFailed, inputNotFound } from "../kinds/reference-problems.ts";
import type { Root } from "./reconcile-result.ts";

/** From references to the artifacts they stand for, and back: who keeps an artifact from going. */

/**
 * A kind's spec with its defaults, or what is wrong with it, which an API server with our CRDs would have
 * refused.
 */
export type ParsedSpec = { spec: RunSpec; references: Reference[] } | { problem: string };

/** Specs of runs, parsed once for each generation. */
export class ParsedSpecs {
  readonly #byUid = new Map<string, { generation: number | undefined; parsed: ParsedSpec }>();

  read(kind: BatchKind, { metadata: { uid, generation }, spec }: Pick<Run, "metadata" | "spec">): ParsedSpec {
    const known = this.#byUid.get(uid);
    if (known !== undefined && known.generation === generation) return known.parsed;
    const parsed = parseSpec(kind, spec);
    this.#byUid.set(uid, { generation, parsed });
    return parsed;
  }

  /** References of an object as it stands; one whose spec the schema refuses has none. */
  references(kind: BatchKind, run: Pick<Run, "metadata" | "spec">): Reference[] {
    const parsed = this.read(kind, run);
    return "problem" in parsed ? [] : parsed.references;
  }

  /** The object is gone. */
  forget(uid: string): void {
    this.#byUid.delete(uid);
  }
}

function parseSpec(kind: BatchKind, spec: unknown): ParsedSpec {
  const parsed = kind.definition.spec.safeParse(spec);
  // Every kind's schema has the fields of every run.
  if (parsed.success) return { spec: parsed.data as RunSpec, references: kind.references(parsed.data) };
  return { problem: specProblem(parsed.error) };
}

/** The first thing that is wrong with a spec, with its field. */
export function specProblem({ issues: [issue] }: z.ZodError): string {
  return `spec.${issue?.path.join(".")}: ${issue?.message}`;
}

export interface ReferencedRun {
  reference: Reference;
  /** Absent when there is no such object. */
  run?: Run;
}

export type KindsByName = ReadonlyMap<string, BatchKind>;

export const kindsByName = (kinds: readonly BatchKind[]): KindsByName =>
  new Map(kinds.map((kind) => [kind.definition.resource.kind, kind]));

export async function readReferences(
  cluster: Cluster,
  kinds: KindsByName,
  namespace: string,
  references: readonly Reference[],
): Promise<ReferencedRun[]> {
  return Promise.all(
    references.map(async (reference) => {
      const kind = kinds.get(reference.kind);
      if (kind === undefined) throw new TypeError(`${reference.kind} is no kind that makes artifacts`);
      const run = await cluster.get(runResource(kind), namespace, reference.name);
      return { reference, run };
    }),
  );
}

/** The artifact of a referenced object, or why there is none. */
export function resolve({ reference, run }: ReferencedRun): ResolvedInput | Root {
  if (run === undefined) return inputNotFound(reference);
  const { artifact, conditions } = run.status ?? {};
  if (artifact !== undefined && isTrue(conditions, "Succeeded")) return { ...reference, artifact };
  const succeeded = findCondition(conditions, "Succeeded");
  if (succeeded?.status === "False") return inputFailed(reference, succeeded);
  const { kind, name, role } = reference;
  return { reason: "InputNotReady", message: `waiting for ${kind} ${name} (${role}) to succeed` };
}

export const isResolved = (input: ResolvedInput | Root): input is ResolvedInput => "artifact" in input;

/**
 * The way from the object along references of unfinished objects back to itself, e.g. ["Corpus/a", "Corpus/b",
 * "Corpus/a"]; undefined when there is none. An object that has its artifact waits for nobody, so the
 * search ends there.
 */
export async function findCycle(
  { cluster, kinds, specs }: { cluster: Cluster; kinds: KindsByName; specs: ParsedSpecs },
  start: { kind: string; namespace: string; name: string },
  references: readonly Reference[],
): Promise<string[] | undefined> {
  const seen = new Set<string>();
  const follow = async (from: readonly Reference[], way: string[]): Promise<string[] | undefined> => {
    for (const { kind, name } of from) {
      const here = `${kind}/${name}`;
      if (kind === start.kind && name === start.name) return [...way, here];
      if (seen.has(here)) continue;
      seen.add(here);
      const batch = kinds.get(kind);
      const run = batch && (await cluster.get(runResource(batch), start.namespace, name));
      if (batch === undefined || run === undefined || run.status?.artifact !== undefined) continue;
      const found = await follow(specs.references(batch, run), [...way, here]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return follow(references, [`${start.kind}/${start.name}`]);
}

/**
 * Holds the deletion of an object whose artifact others still read, as the API server holds the deletion of a
 * claim that pods use.
 */
export const inUseFinalizer = "tanren.dev/in-use";

/** A kind whose objects read artifacts. */
export interface Consumer {
  resource: Resource<TanrenObject>;
  /**
   * Objects it cannot do without now; none once it has ended. Whether it is being deleted is not its matter.
   */
  needs(object: TanrenObject): { kind: string; name: string }[];
}

export function batchConsumer(kind: BatchKind, specs: ParsedSpecs): Consumer {
  return {
    resource: kind.definition.resource,
    needs: (object) =>
      (object as Run).status?.completionTime === undefined ? specs.references(kind, object) : [],
  };
}

/**
 * Objects whose deletion waits for this one; an object that is itself being deleted holds none, or two could
 * hold each other.
 */
export function heldBy(
  consumer: Consumer,
  object: TanrenObject,
): { kind: string; namespace: string; name: string }[] {
  if (object.metadata.deletionTimestamp !== undefined) return [];
  return consumer
    .needs(object)
    .map(({ kind, name }) => ({ kind, namespace: object.metadata.namespace, name }));
}

/** Objects of the namespace that keep the run from going, as "Kind name". */
export async function usersOf(cluster: Cluster, consumers: readonly Consumer[], run: Run): Promise<string[]> {
  const { namespace, name } = run.metadata;
  const users = await Promise.all(
    consumers.map(async (consumer) => {
      const objects = await cluster.list(consumer.resource, { namespace });
      return objects
        .filter((object) =>
          heldBy(consumer, object).some((target) => target.kind === run.kind && target.name === name),
        )
        .map((object) => `${object.kind} ${object.metadata.name}`);
    }),
  );
  return users.flat().toSorted();
}
