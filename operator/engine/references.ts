import type { Reference, ResolvedInput } from "../api/artifact.ts";
import type { Reason } from "../api/reasons.ts";
import { findCondition, isTrue } from "../cluster/conditions.ts";
import type { Cluster } from "../cluster/port.ts";
import type { BatchKind } from "../kinds/batch-kind.ts";
import { type Run, runResource } from "./run.ts";

/** From references to the artifacts they stand for. */

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
      return { reference, ...(run !== undefined && { run }) };
    }),
  );
}

export interface InputProblem {
  reason: Extract<Reason, "InputNotFound" | "InputNotReady" | "InputFailed">;
  message: string;
}

/** The artifact of a referenced object, or why there is none. */
export function resolve({ reference, run }: ReferencedRun): ResolvedInput | InputProblem {
  const named = `${reference.kind} ${reference.name}`;
  if (run === undefined) {
    return {
      reason: "InputNotFound",
      message: `${named} (${reference.role}) does not exist in this namespace; create it or correct the name`,
    };
  }
  const { artifact, conditions } = run.status ?? {};
  if (artifact !== undefined && isTrue(conditions, "Succeeded")) return { ...reference, artifact };
  const succeeded = findCondition(conditions, "Succeeded");
  if (succeeded?.status === "False") {
    return {
      reason: "InputFailed",
      message: `${named} (${reference.role}) failed: ${succeeded.reason}: ${succeeded.message}`,
    };
  }
  return { reason: "InputNotReady", message: `waiting for ${named} (${reference.role}) to succeed` };
}

export const isResolved = (input: ResolvedInput | InputProblem): input is ResolvedInput => "artifact" in input;

/**
 * The way from the object along references of unfinished objects back to itself, e.g. ["Corpus a", "Corpus b", "Corpus a"];
 * undefined when there is none. An object that has its artifact waits for nobody, so the search ends there.
 */
export async function findCycle(
  cluster: Cluster,
  kinds: KindsByName,
  start: { kind: string; namespace: string; name: string },
  references: readonly Reference[],
): Promise<string[] | undefined> {
  const seen = new Set<string>();
  const follow = async (from: readonly Reference[], way: string[]): Promise<string[] | undefined> => {
    for (const { kind, name } of from) {
      const here = `${kind} ${name}`;
      if (kind === start.kind && name === start.name) return [...way, here];
      if (seen.has(here)) continue;
      seen.add(here);
      const batch = kinds.get(kind);
      const run = batch && (await cluster.get(runResource(batch), start.namespace, name));
      if (batch === undefined || run === undefined || run.status?.artifact !== undefined) continue;
      const found = await follow(referencesOf(batch, run), [...way, here]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return follow(references, [`${start.kind} ${start.name}`]);
}

/** References of an object as it stands; one whose spec the schema refuses has none. */
export function referencesOf(kind: BatchKind, run: Pick<Run, "spec">): Reference[] {
  const spec = kind.definition.spec.safeParse(run.spec);
  return spec.success ? kind.references(spec.data) : [];
}
