import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pathAnnotation } from "../../cluster/local/index.ts";
import { Failure } from "../failure.ts";
import { InvalidManifests } from "./documents.ts";
import { loadManifests } from "./load.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tanren-manifests-"));
});
afterEach(() => rm(directory, { recursive: true }));

async function write(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

const load = (paths: string[], namespace?: string) =>
  loadManifests(paths, {
    namespace: namespace ?? "default",
    hasLocalPaths: true,
    required: namespace,
  });

/** What is wrong with one file, without the name of the directory. */
async function problemsOf(content: string, namespace?: string): Promise<string[]> {
  await write("all.yaml", content);
  const error = await load([directory], namespace).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof InvalidManifests))
    throw new Error(`expected InvalidManifests, got ${String(error)}`);
  return error.message.replaceAll(`${directory}/`, "").split("\n").slice(0, -1);
}

const run = (name: string, extra = "") => `apiVersion: tanren.dev/v1alpha1
kind: PretrainRun
metadata: {name: ${name}}
spec:
  corpus: {name: web}
  model: {preset: llama-tiny}
  sequenceLength: 64
  training: {tokens: 4096, globalBatchTokens: 512, learningRate: "1e-3"}
${extra}`;

const claim = (annotations = "") => `apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data
  annotations: {${annotations}}
spec:
  accessModes: [ReadWriteMany]
  resources: {requests: {storage: 1Gi}}
`;

describe("loading", () => {
  test("reads every .yaml and .yml below a directory in sorted order, several documents each", async () => {
    await write("b/2.yml", run("third"));
    await write("a.yaml", `# first\n---\n${run("first")}---\n${run("second")}---\n# nothing more\n`);
    await write("notes.txt", "no manifest");
    const manifests = await load([directory]);
    expect(manifests.map(({ object }) => object.metadata.name)).toEqual(["first", "second", "third"]);
  });

  test("an object gets its namespace from the manifest, else from the command line, else default", async () => {
    const path = await write("a.yaml", run("base"));
    const namespaceOf = async (namespace?: string) =>
      (await load([path], namespace))[0]?.object.metadata.namespace;
    expect(await namespaceOf()).toBe("default");
    expect(await namespaceOf("team")).toBe("team");
  });

  test("the spec is applied as written, and its defaults are known", async () => {
    await write("a.yaml", run("base"));
    const [manifest] = await load([directory]);
    expect(manifest?.object.spec).not.toHaveProperty("checkpoints");
    expect(manifest?.admitted).toHaveProperty("checkpoints.everySteps", 100);
  });

  test("a claim's local path is made absolute from the manifest's own directory", async () => {
    await write("data/pages.txt", "text");
    await write("deep/claim.yaml", claim(`${pathAnnotation}: ../data`));
    const [manifest] = await load([directory]);
    expect(manifest?.object.metadata.annotations?.[pathAnnotation]).toBe(join(directory, "data"));
  });

  test("stringData of a Secret is stored over data, in base64", async () => {
    await write(
      "a.yaml",
      `apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\ndata: {a: b2xk, b: b2xk}\nstringData: {a: new}\n`,
    );
    const [manifest] = await load([directory]);
    expect(manifest?.object).toMatchObject({ data: { a: "bmV3", b: "b2xk" } });
    expect(manifest?.object).not.toHaveProperty("stringData");
  });

  test.each(["missing.yaml", "empty"])("%s is not found", async (name) => {
    await mkdir(join(directory, "empty"));
    await expect(load([join(directory, name)])).rejects.toThrow(Failure);
  });
});

describe("what is wrong is named by file, line, object, field and mend", () => {
  test.each([
    [
      "a kind that cannot run here",
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
      [/^all.yaml:2: ConfigMap\/x: kind: ConfigMap is not a kind that runs here; use one of Corpus, /],
    ],
    [
      "another version",
      run("base").replace("v1alpha1", "v1"),
      [/^all.yaml:1: PretrainRun\/base: apiVersion: .* is tanren.dev\/v1alpha1, not tanren.dev\/v1$/],
    ],
    ["no kind", "metadata: {name: x}\napiVersion: v1\n", [/^all.yaml:1: document 1: kind: /]],
    ["a list", "- a\n- b\n", [/^all.yaml:1: document 1: /]],
    ["broken YAML", "kind: [a\n---\n", [/^all.yaml:2: document 1 is not YAML: /]],
    ["a key twice", "kind: a\nkind: b\n", [/^all.yaml:2: document 1 is not YAML: Map keys must be unique/]],
    ["no object", "# nothing\n", [/^all.yaml: the file has no object/]],
    [
      "several fields of several objects, all at once",
      `${run("base", "  sequenceLenght: 1\n").replace("4096", "-1")}---\n${run("Bad_Name")}`,
      [
        /^all.yaml:8: PretrainRun\/base: spec.training.tokens: /,
        /^all.yaml:9: PretrainRun\/base: spec.sequenceLenght: unknown field/,
        /^all.yaml:13: PretrainRun\/Bad_Name: metadata.name: /,
      ],
    ],
    [
      "a CEL rule",
      run("base").replace("512", "500"),
      [
        /^all.yaml:8: PretrainRun\/base: spec.training.globalBatchTokens: training.globalBatchTokens must be a multiple/,
      ],
    ],
    [
      "a number that must be quoted",
      run("base").replace('"1e-3"', "0.001"),
      [/^all.yaml:8: .* spec.training.learningRate: .*write "0.001" in quotes/],
    ],
    [
      "an object twice",
      `${run("base")}---\n${run("base")}`,
      [/^all.yaml:12: PretrainRun\/base: metadata.name: is already defined at all.yaml:1;/],
    ],
    [
      "a field beside the spec",
      `${run("base")}status: {}\n`,
      [/^all.yaml:9: PretrainRun\/base: status: is written by the operator/],
    ],
    [
      "metadata the cluster sets",
      run("base").replace("{name: base}", "{name: base, uid: x}"),
      [/^all.yaml:3: .* metadata.uid: unknown field/],
    ],
    [
      "a claim's directory that is not there",
      claim(`${pathAnnotation}: nowhere`),
      [
        /^all.yaml:5: PersistentVolumeClaim\/data: metadata.annotations.local.tanren.dev\/path: nowhere does not exist/,
      ],
    ],
    ["a claim's directory that is a file", claim(`${pathAnnotation}: all.yaml`), [/ is not a directory/]],
    [
      "a claim without size",
      claim().replace("{requests: {storage: 1Gi}}", "{}"),
      [/^all.yaml:8: PersistentVolumeClaim\/data: spec.resources.requests: /],
    ],
    [
      "a Secret that is not base64",
      "apiVersion: v1\nkind: Secret\nmetadata: {name: k}\ndata: {a: '%'}\n",
      [/^all.yaml:4: Secret\/k: data.a: /],
    ],
  ])("%s", async (_, content, expected) => {
    const problems = await problemsOf(content);
    expect(problems).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) expect(problems[index]).toMatch(pattern);
  });

  test("a namespace other than the command line's", async () => {
    const problems = await problemsOf(run("base").replace("{name: base}", "{name: base, namespace: a}"), "b");
    expect(problems).toEqual([expect.stringMatching(/metadata.namespace: is a, but --namespace says b/)]);
  });
});
