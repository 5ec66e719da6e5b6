import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Manifest } from "../../contract/index.ts";
import type { AnyObject } from "../kinds.ts";
import type { Target } from "../target/target.ts";
import { artifactsOf, type ManifestParents } from "./tree.ts";

/** Parents by the manifests on claims that are directories of this machine; elsewhere nobody can look. */
export async function readManifestParents(
  { claimDirectory }: Pick<Target, "claimDirectory">,
  objects: readonly AnyObject[],
): Promise<ManifestParents> {
  if (claimDirectory === undefined) return () => undefined;
  const places = objects.flatMap((object) =>
    artifactsOf(object).map(({ claimName, path }) => ({ ...object.metadata, claimName, path })),
  );
  const all = await Promise.all(
    places.map(async ({ namespace, claimName, path }) => {
      const file = join(await claimDirectory(namespace, claimName), path, "manifest.json");
      const manifest = Manifest.safeParse(parsed(await readFile(file, "utf8").catch(() => "")));
      return manifest.success ? [[manifest.data.digest, manifest.data.parents] as const] : [];
    }),
  );
  const parents = new Map(all.flat());
  return (digest) => parents.get(digest);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // gone, or damaged: a run that reads it says so
  }
}
