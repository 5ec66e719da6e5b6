import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { pathAnnotation } from "../../cluster/local/index.ts";
import { type Manifest, problemAt } from "./manifest.ts";
import type { Problem } from "./problem.ts";

/** A claim that is a directory of this machine: its path, written relative to the manifest, is made absolute. One that does not exist is a problem. */
export async function resolveLocalPath(manifest: Manifest): Promise<Problem | undefined> {
  const { object, document } = manifest;
  const written = object.metadata.annotations?.[pathAnnotation];
  if (object.kind !== "PersistentVolumeClaim" || written === undefined) return undefined;
  const path = resolve(dirname(document.file), written);
  const found = await stat(path).catch(() => undefined);
  object.metadata.annotations = { ...object.metadata.annotations, [pathAnnotation]: path };
  if (found?.isDirectory()) return undefined;
  const state = found === undefined ? "does not exist" : "is no directory";
  return problem(manifest, `${written} ${state} (looked at ${path}); make it, or write the path relative to this file`);
}

/** In a Kubernetes cluster such a claim would be made empty. */
export async function refuseLocalPath(manifest: Manifest): Promise<Problem | undefined> {
  const { kind, metadata } = manifest.object;
  if (kind !== "PersistentVolumeClaim" || metadata.annotations?.[pathAnnotation] === undefined) return undefined;
  const message =
    "is a directory of this machine, which pods of a Kubernetes cluster do not see; leave the annotation out, and make the claim of a volume that holds the data";
  return problem(manifest, message);
}

function problem({ object, document }: Manifest, message: string): Problem {
  const path = ["metadata", "annotations", pathAnnotation];
  return problemAt(document, `${object.kind}/${object.metadata.name}`, path, message);
}
