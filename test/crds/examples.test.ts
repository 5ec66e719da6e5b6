import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { kinds, type TanrenObject } from "../../operator/api/kinds.ts";
import type { Wanted } from "../../operator/cluster/objects.ts";
import { ownVerdict, serverVerdict, useServer } from "./server.ts";

/** Every manifest a person would start from, as the API server takes it. */

const server = useServer();
const root = new URL("../../examples/", import.meta.url).pathname;
const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const files = folders.flatMap(({ name }) =>
  readdirSync(root + name)
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => `${name}/${file}`),
);
const ours = new Set(kinds.map(({ resource }) => resource.kind as string));

test("there are the quickstart and both programmes", () => {
  expect(folders.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["programme-a", "programme-b", "quickstart"]),
  );
  expect(files.length).toBeGreaterThanOrEqual(18);
});

test.each(files)("examples/%s is accepted as it stands", async (file) => {
  const documents = objectsOf(file);
  const told = await server().kubectl(["apply", "--dry-run=server", "-f", root + file]);
  expect(told.match(/(created|configured|unchanged) \(server dry run\)/g)).toHaveLength(documents.length);
  for (const object of documents.filter(({ kind }) => ours.has(kind))) {
    const wanted = { ...object, metadata: { ...object.metadata, namespace: server().namespace } };
    expect(await serverVerdict(server(), wanted)).toEqual([]);
    expect(await ownVerdict(wanted)).toEqual([]);
  }
});

function objectsOf(file: string): Wanted<TanrenObject>[] {
  const documents = [...parseAllDocuments(readFileSync(root + file, "utf8"))];
  return documents.flatMap((document) => (document.toJS() as Wanted<TanrenObject> | null) ?? []);
}
