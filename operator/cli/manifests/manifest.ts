import { z } from "zod";
import { admit } from "../../api/admission.ts";
import { objectName } from "../../api/fields.ts";
import { apiVersion } from "../../api/kinds.ts";
import type { KubernetesObject, Wanted } from "../../cluster/objects.ts";
import { InvalidError } from "../../cluster/port.ts";
import type { Resource } from "../../cluster/resource.ts";
import { type AnyObject, type Kind, kinds, title } from "../kinds.ts";
import { coreKinds, issuesOf } from "./core-kinds.ts";
import type { ManifestDocument, Path, Problem } from "./documents.ts";

/** One object of the manifests, valid by itself. */
export interface Manifest {
  resource: Resource<KubernetesObject>;
  /** Absent for a PersistentVolumeClaim or a Secret. */
  kind?: Kind;
  /** As it is applied: the spec as written; the cluster fills in defaults. */
  object: Wanted<KubernetesObject> & { spec?: unknown };
  /** The spec with its defaults; only of the six kinds. */
  admitted?: Record<string, unknown>;
  document: ManifestDocument;
}

export type Checked = { manifest: Manifest } | { problems: Problem[] };

const strings = z.record(z.string(), z.string());

const Metadata = z.strictObject({
  name: objectName(),
  namespace: objectName().optional(),
  labels: strings.optional(),
  annotations: strings.optional(),
});

const Head = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
});

/** A document as an object: its kind is known, its metadata and fields are right. */
export function checkDocument(
  document: ManifestDocument,
  { namespace, required }: { namespace: string; required?: string },
): Checked {
  const head = Head.safeParse(document.value);
  if (!head.success) {
    const issues = issuesOf(head.error).map(({ path, message }) =>
      problemAt(document, undefined, path, message),
    );
    return { problems: issues };
  }
  const name = title(head.data);
  const problem = (path: Path, message: string) => problemAt(document, name, path, message);

  const known = [...kinds, ...coreKinds].find(({ resource }) => resource.kind === head.data.kind);
  if (known === undefined) return { problems: [problem(["kind"], unknownKind(head.data.kind))] };
  if (head.data.apiVersion !== known.resource.apiVersion) {
    const message = `apiVersion of a ${head.data.kind} is ${known.resource.apiVersion}, not ${head.data.apiVersion}`;
    return { problems: [problem(["apiVersion"], message)] };
  }

  const metadata = Metadata.safeParse(head.data.metadata);
  const problems = metadata.success
    ? []
    : issuesOf(metadata.error).map(({ path, message }) => problem(["metadata", ...path], message));
  const given = metadata.data?.namespace;
  if (required !== undefined && given !== undefined && given !== required) {
    problems.push(
      problem(["metadata", "namespace"], `is ${given}, but --namespace says ${required}; make them the same`),
    );
  }
  const named = { name: head.data.metadata.name, namespace: given ?? namespace };
  const { apiVersion: _, kind: __, metadata: ___, ...fields } = head.data;
  const body = "spec" in known ? ownBody(known, fields, named, problem) : coreBody(known, fields, problem);
  problems.push(...body.problems);
  if (problems.length > 0 || !metadata.success) return { problems };
  const object = {
    apiVersion: head.data.apiVersion,
    kind: head.data.kind,
    metadata: { ...metadata.data, ...named },
    ...body.fields,
  };
  return {
    manifest: {
      resource: known.resource as Resource<KubernetesObject>,
      object,
      document,
      kind: "spec" in known ? known : undefined,
      admitted: body.admitted,
    },
  };
}

export function problemAt(
  document: ManifestDocument,
  object: string | undefined,
  path: Path,
  message: string,
): Problem {
  const field = path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`))
    .join("")
    .replace(/^\./, "");
  return {
    file: document.file,
    line: document.line(path),
    object: object ?? `document ${document.number}`,
    field: field === "" ? undefined : field,
    message,
  };
}

interface Body {
  fields: Record<string, unknown>;
  admitted?: Record<string, unknown>;
  problems: Problem[];
}

type ProblemAt = (path: Path, message: string) => Problem;

function ownBody(
  kind: Kind,
  fields: Record<string, unknown>,
  named: { name: string; namespace: string },
  problem: ProblemAt,
): Body {
  const { spec, ...others } = fields;
  const problems = Object.keys(others).map((field) =>
    problem(
      [field],
      field === "status" ? "is written by the operator; remove it" : "unknown field; remove it",
    ),
  );
  const admitted = admitSpec(kind, { metadata: named, spec });
  if ("spec" in admitted) return { fields: { spec }, admitted: admitted.spec, problems };
  // Names of every kind are judged with the rest of metadata.
  const refused = admitted.problems.filter(({ path: [field] }) => field !== "metadata");
  return {
    fields: {},
    problems: [...problems, ...refused.map(({ path, message }) => problem(path, message))],
  };
}

/** Schema, defaults and CEL rules, as the cluster applies them; with `old` also what may not change. */
export function admitSpec(
  kind: Kind,
  candidate: { metadata: { name: string; namespace: string }; spec?: unknown },
  old?: AnyObject,
): { spec: Record<string, unknown> } | { problems: { path: Path; message: string }[] } {
  try {
    return { spec: admit(kind as Parameters<typeof admit>[0], candidate, old) as Record<string, unknown> };
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error;
    return { problems: error.causes.map(({ field, message }) => ({ path: pathOf(field), message })) };
  }
}

function coreBody(
  core: (typeof coreKinds)[number],
  fields: Record<string, unknown>,
  problem: ProblemAt,
): Body {
  const parsed = core.body.safeParse(fields);
  if (parsed.success) return { fields: { ...parsed.data }, problems: [] };
  return { fields: {}, problems: issuesOf(parsed.error).map(({ path, message }) => problem(path, message)) };
}

function unknownKind(kind: string): string {
  const known = [...kinds, ...coreKinds].map(({ resource }) => resource.kind);
  return `${kind} is not a kind that runs here; use one of ${known.join(", ")} (the six are of ${apiVersion})`;
}

/** `spec.sources[0].name` as a path. */
export function pathOf(field: string): Path {
  return [...field.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, name]) =>
    index === undefined ? (name ?? "") : Number(index),
  );
}
