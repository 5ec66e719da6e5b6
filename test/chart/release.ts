import { isDeepStrictEqual } from "node:util";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { defaultRelease } from "../../charts/src/install-files.ts";
import type { Values } from "../../charts/src/values.ts";
import packageJson from "../../package.json" with { type: "json" };

/** What a release of the chart is made of, and how two releases differ. */

const Manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});
export type Manifest = z.output<typeof Manifest>;

/** Values that a person gives: those that matter to them. */
export type GivenValues = z.input<typeof Values>;

/** Values by their paths, as in `--set`. */
export type Settings = Readonly<Record<string, unknown>>;

export const version = packageJson.version;
export const release = defaultRelease;

/** The values that settings make. */
export function valuesOf(settings: Settings): GivenValues {
  const values: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(settings)) {
    const keys = path.split(".");
    const last = keys.pop() ?? path;
    let at = values;
    for (const key of keys) {
      const inner = (at[key] ?? {}) as Record<string, unknown>;
      at[key] = inner;
      at = inner;
    }
    at[last] = value;
  }
  return values;
}

/** The objects of a text of YAML documents. */
export const documents = (yaml: string): Manifest[] =>
  parseAllDocuments(yaml)
    .map((document) => {
      if (document.errors.length > 0) throw new Error(`not YAML: ${document.errors[0]?.message}`);
      return document.toJS();
    })
    .filter((object) => object !== null)
    .map((object) => Manifest.parse(object));

/** Kind/name, with the namespace where it is not the release's. */
export function identity({ kind, metadata: { name, namespace } }: Manifest): string {
  return namespace === undefined || namespace === release.namespace
    ? `${kind}/${name}`
    : `${kind}/${namespace}/${name}`;
}

/** Identities of the objects that are on one side alone or differ. */
export function differences(before: readonly Manifest[], after: readonly Manifest[]): string[] {
  const [old, young] = [byIdentity(before), byIdentity(after)];
  const all = new Set([...old.keys(), ...young.keys()]);
  return [...all].filter((key) => !isDeepStrictEqual(old.get(key), young.get(key)));
}

export function byIdentity(objects: readonly Manifest[]): Map<string, Manifest> {
  const found = new Map(objects.map((object) => [identity(object), object]));
  if (found.size < objects.length) throw new Error("two objects have the same name");
  return found;
}

export function one(objects: readonly Manifest[], wanted: string): Manifest {
  const found = objects.find((object) => identity(object) === wanted);
  if (found === undefined) throw new Error(`there is no ${wanted}`);
  return found;
}
