import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { pathAnnotation } from "../../cluster/local/index.ts";
import { kindKeyOf } from "../../cluster/object-key.ts";
import { title } from "../kinds.ts";
import { InvalidManifests, type Problem, readDocuments } from "./documents.ts";
import { checkDocument, type Manifest, problemAt } from "./manifest.ts";

/** What the target requires of manifests. */
export interface LoadOptions {
  /** Where objects go that name no namespace. */
  namespace: string;
  /** The one namespace that manifests may name; absent: any. */
  required?: string;
  /** Whether a claim may be a directory of this machine. */
  hasLocalPaths: boolean;
}

/**
 * Every object of the files and directories, each valid by itself and named once. Throws InvalidManifests
 * with all that is wrong, in the order of files and lines.
 */
export async function loadManifests(paths: readonly string[], options: LoadOptions): Promise<Manifest[]> {
  const { documents, problems } = await readDocuments(paths);
  const checked = documents.map((document) => checkDocument(document, options));
  const manifests = checked.flatMap((one) => ("manifest" in one ? [one.manifest] : []));
  problems.push(...checked.flatMap((one) => ("problems" in one ? one.problems : [])));
  problems.push(...duplicates(manifests));
  for (const manifest of manifests) {
    const problem = await (options.hasLocalPaths ? resolveLocalPath : refuseLocalPath)(manifest);
    if (problem) problems.push(problem);
  }
  if (problems.length > 0) throw new InvalidManifests(problems.sort(byLine));
  return manifests;
}

function duplicates(manifests: readonly Manifest[]): Problem[] {
  const first = new Map<string, Manifest>();
  return manifests.flatMap((manifest) => {
    const { kind, metadata } = manifest.object;
    const key = kindKeyOf({ kind, ...metadata });
    const other = first.get(key);
    if (other === undefined) {
      first.set(key, manifest);
      return [];
    }
    const before = `${other.document.file}:${other.document.line([])}`;
    return [
      problemAt(
        manifest.document,
        title(manifest.object),
        ["metadata", "name"],
        `is already defined at ${before}; rename or remove one`,
      ),
    ];
  });
}

function byLine(a: Problem, b: Problem): number {
  return a.file === b.file ? (a.line ?? 0) - (b.line ?? 0) : a.file < b.file ? -1 : 1;
}

/**
 * Makes the path of a claim that is a directory of this machine absolute; it is written relative to the
 * manifest.
 */
async function resolveLocalPath(manifest: Manifest): Promise<Problem | undefined> {
  const { object, document } = manifest;
  const written = object.metadata.annotations?.[pathAnnotation];
  if (object.kind !== "PersistentVolumeClaim" || written === undefined) return undefined;
  const path = resolve(dirname(document.file), written);
  const found = await stat(path).catch(() => undefined);
  object.metadata.annotations = { ...object.metadata.annotations, [pathAnnotation]: path };
  if (found?.isDirectory()) return undefined;
  const state = found === undefined ? "does not exist" : "is not a directory";
  return pathProblem(
    manifest,
    `${written} ${state} (looked at ${path}); make it, or write the path relative to this file`,
  );
}

/** In a Kubernetes cluster such a claim would be made empty. */
async function refuseLocalPath(manifest: Manifest): Promise<Problem | undefined> {
  const { kind, metadata } = manifest.object;
  if (kind !== "PersistentVolumeClaim" || metadata.annotations?.[pathAnnotation] === undefined)
    return undefined;
  const message =
    "is a directory of this machine, which pods of a Kubernetes cluster do not see; leave the annotation out, and make the claim of a volume that holds the data";
  return pathProblem(manifest, message);
}

function pathProblem({ object, document }: Manifest, message: string): Problem {
  const path = ["metadata", "annotations", pathAnnotation];
  return problemAt(document, title(object), path, message);
}
