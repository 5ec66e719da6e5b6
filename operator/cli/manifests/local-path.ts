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
  const message = `${written} ${state} (looked at ${path}); make it, or write the path relative to this file`;
  return problemAt(
    document,
    `${object.kind}/${object.metadata.name}`,
    ["metadata", "annotations", pathAnnotation],
    message,
  );
}
