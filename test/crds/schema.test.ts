import { describe, expect, test } from "vitest";
import { z } from "zod";
import { kinds } from "../../operator/api/kinds.ts";
import { samples } from "../../operator/testing/samples.ts";
import { anObject, kindOf, ownVerdict, serverVerdict, useServer } from "./server.ts";

/** The schemas on the API server itself. */

const server = useServer();
const names = kinds.map(({ resource }) => resource.kind);

const Definition = z.object({
  metadata: z.object({ name: z.string() }),
  status: z.object({
    conditions: z.array(z.object({ type: z.string(), status: z.string(), message: z.string().optional() })),
    storedVersions: z.array(z.string()),
  }),
});

interface Schema {
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema;
}

describe.each(names)("%s", (kind) => {
  const { resource } = kindOf(kind);

  test("is established, its names are taken, its schema is structural", async () => {
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${resource.plural}.tanren.dev`;
    const { status } = Definition.parse(await server().api.send("GET", path));
    const conditions = new Map(status.conditions.map(({ type, ...rest }) => [type, rest]));
    expect(conditions.get("Established")?.status).toBe("True");
    expect(conditions.get("NamesAccepted")?.status).toBe("True");
    expect(conditions.get("NonStructuralSchema")).toBeUndefined();
    expect(status.storedVersions).toEqual(["v1alpha1"]);
  });

  test("has the defaults that zod gives", async () => {
    const wanted = anObject(server(), kind, "defaulted", samples[kind]);
    const stored = await server().cluster.apply(resource, wanted);
    // Of list items the operator adds the defaults as it reads them.
    expect(kindOf(kind).spec.parse(stored.spec)).toEqual(kindOf(kind).spec.parse(samples[kind]));
    expect(Object.keys(stored.spec as object)).toEqual(
      expect.arrayContaining(Object.keys(kindOf(kind).spec.parse(samples[kind]) as object)),
    );
    expect(stored.status).toBeUndefined();
    // What was stored once is not defaulted into something else when it is said again.
    expect(
      (await server().cluster.apply(resource, { ...wanted, spec: stored.spec })).metadata.generation,
    ).toBe(1);
  });

  test("refuses unknown fields at any depth by name, and forgets them where validation is not strict", async () => {
    const compute = { resources: { cpus: "2" } };
    const wanted = anObject(server(), kind, "unknown", { ...samples[kind], colour: "red", compute });
    const unknown = ["spec.colour", "spec.compute.resources.cpus"];
    const strict = await server().kubectlFails(["create", "-f", "-"], wanted);
    for (const field of unknown) expect(strict).toContain(`unknown field "${field}"`);
    expect((await ownVerdict(wanted)).map(({ field }) => field)).toEqual(unknown);
    // Server-side apply stops at the first it finds.
    const told = (await serverVerdict(server(), wanted)).map(({ field }) => field);
    expect(told.length).toBeGreaterThan(0);
    expect(unknown).toEqual(expect.arrayContaining(told));
    await server().kubectl(["create", "--validate=ignore", "-f", "-"], wanted);
    const stored = await server().cluster.get(resource, server().namespace, "unknown");
    expect(kindOf(kind).spec.parse(stored?.spec)).toEqual(kindOf(kind).spec.parse(samples[kind]));
  });

  test("refuses an object without a spec", async () => {
    const { spec: _, ...without } = anObject(server(), kind, "empty", undefined);
    expect(await server().kubectlFails(["create", "-f", "-"], without)).toMatch(/spec: Required value/);
  });

  test("is explained: kubectl knows every field, and every field has a description", async () => {
    const openapi = await server().api.send("GET", "/openapi/v3/apis/tanren.dev/v1alpha1");
    const { components } = z
      .object({ components: z.object({ schemas: z.record(z.string(), z.custom<Schema>()) }) })
      .parse(openapi);
    const schema = components.schemas[`dev.tanren.v1alpha1.${kind}`];
    const { spec, status } = schema?.properties ?? {};
    const fields = [...fieldsBelow(spec ?? {}, "spec"), ...fieldsBelow(status ?? {}, "status")];
    expect(fields.length).toBeGreaterThan(30);
    expect(fields.filter(({ described }) => !described).map(({ path }) => path)).toEqual([]);
    const told = await server().kubectl(["explain", resource.plural, "--recursive"]);
    expect(told.replaceAll(/\s+/g, " ")).toContain(kindOf(kind).about);
    // One line for each field, indented by its depth.
    const listed = told.split("\n").flatMap((line) => /^( +)(\w+)\t</.exec(line)?.[2] ?? []);
    for (const { path } of fields) expect(listed, path).toContain(path.split(".").at(-1));
    const deep = await server().kubectl(["explain", `${resource.plural}.spec.compute.resources.cpu`]);
    expect(deep).toContain("kernels use as many threads");
  });
});

/** Every field with its path, lists and maps passed through. */
function fieldsBelow(schema: Schema, path: string): { path: string; described: boolean }[] {
  const inner = schema.items ?? schema.additionalProperties;
  if (typeof inner === "object") return fieldsBelow(inner, path);
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => [
    { path: `${path}.${name}`, described: Boolean(field.description) },
    ...fieldsBelow(field, `${path}.${name}`),
  ]);
}
