import { expect, test } from "vitest";
import { CorpusSpec } from "../../operator/api/corpus.ts";
import {
  inferenceDeployment,
  type KindDefinition,
  kinds,
  type TanrenObject,
} from "../../operator/api/kinds.ts";
import { connectKubernetes } from "../../operator/cluster/kubernetes/index.ts";
import { samples } from "../../operator/testing/samples.ts";
import { anObject, kindOf, type Server, useServer } from "./server.ts";

/** What a person at kubectl sees and does. */

const server = useServer();
const all = kinds as readonly KindDefinition[];

const time = "2026-01-01T00:00:00Z";
const condition = (type: string, reason: string, message: string) => ({
  ...{ type, status: "False", reason, message, lastTransitionTime: time, observedGeneration: 1 },
});
const artifact = (digest: string) => ({
  ...{
    type: "model",
    stage: "train",
    claimName: "c",
    path: "p",
    digest,
    sizeBytes: 1,
    parents: [],
    tokens: 4242,
  },
});

/** A status that has something for every column. */
function aStatus(kind: string): TanrenObject["status"] {
  if (kind === "InferenceDeployment") {
    const conditions = [condition("Ready", "RollingOut", "1 of 3 replicas are ready")];
    return { conditions, readyReplicas: 3, url: "http://web:8000", served: artifact("sha256:ab") } as never;
  }
  const conditions = [
    condition("Succeeded", "OutOfMemory", "pod x was killed"),
    condition("Ready", "OutOfMemory", "pod x was killed"),
    condition("Passed", "Below", "low"),
  ];
  const progress = {
    ...{ stage: "train", step: 63, total: 100, unit: "step", percent: "63%", eta: "4m10s", updateTime: time },
    metrics: [
      { name: "lr", value: "1e-4" },
      { name: "loss", value: "2.125" },
    ],
  };
  return { conditions, progress, artifact: artifact("sha256:cd") } as never;
}

const shown: Record<string, string> = {
  Succeeded: "False",
  Ready: "False",
  Stage: "train",
  Progress: "63%",
  ETA: "4m10s",
  Loss: "2.125",
  Tokens: "4242",
  Passed: "False",
  Replicas: "3",
  URL: "http://web:8000",
};

async function written({ cluster, ...rest }: Server, kind: string, name: string): Promise<TanrenObject> {
  const { resource } = kindOf(kind);
  const made = await cluster.apply(resource, anObject({ cluster, ...rest }, kind, name, samples[kind]));
  return cluster.updateStatus(resource, { ...made, status: aStatus(kind) });
}

/** Rows of a table by the place of their headings. */
function table(text: string): Record<string, string>[] {
  const [heading = "", ...rows] = text.trimEnd().split("\n");
  const starts = [...heading.matchAll(/\S+/g)].map(({ index, 0: name }) => ({ index, name }));
  return rows.map((row) =>
    Object.fromEntries(
      starts.map(({ index, name }, at) => [name, row.slice(index, starts[at + 1]?.index).trimEnd()]),
    ),
  );
}

test.each(all.map(({ resource, columns }) => [resource.kind, columns] as const))(
  "kubectl get %s",
  async (kind, columns) => {
    await written(server(), kind, "shown");
    const [shortName = ""] = kindOf(kind).shortNames;
    const [narrow] = table(await server().kubectl(["get", shortName, "shown"]));
    const first = columns.filter(({ priority = 0 }) => priority === 0);
    expect(Object.keys(narrow ?? {})).toEqual(["NAME", ...first.map(({ name }) => name.toUpperCase())]);
    for (const { name } of first) {
      const cell = narrow?.[name.toUpperCase()];
      if (name === "Age") expect(cell).toMatch(/^\d+s$/);
      else if (name === "Reason") expect(["OutOfMemory", "RollingOut"]).toContain(cell);
      else expect(cell, name).toBe(shown[name]);
    }
    const [wide] = table(await server().kubectl(["get", shortName, "shown", "-o", "wide"]));
    expect(Object.keys(wide ?? {})).toEqual(["NAME", ...columns.map(({ name }) => name.toUpperCase())]);
    expect(wide).toMatchObject({
      MESSAGE: expect.stringMatching(/pod x was killed|1 of 3 replicas are ready/),
      DIGEST: expect.stringMatching(/^sha256:/),
    });
  },
);

test("kubectl get tanren shows every kind, and one without a status shows empty cells", async () => {
  for (const { resource } of all)
    await server().cluster.apply(
      resource,
      anObject(server(), resource.kind, "category", samples[resource.kind]),
    );
  const listed = (await server().kubectl(["get", "tanren", "-o", "name"])).split("\n");
  for (const { resource, singular } of all)
    expect(listed, resource.kind).toContain(`${singular}.tanren.dev/category`);
  const [row] = table(await server().kubectl(["get", "pretrainrun", "category"]));
  expect(row).toMatchObject({ NAME: "category", SUCCEEDED: "", LOSS: "" });
});

test("kubectl scale changes spec.replicas, through the scale subresource", async () => {
  const { cluster, namespace, kubectl } = server();
  await written(server(), "InferenceDeployment", "scaled");
  await kubectl(["scale", "infd/scaled", "--replicas=4"]);
  expect((await cluster.get(inferenceDeployment.resource, namespace, "scaled"))?.spec.replicas).toBe(4);
});

test.each(all.map(({ resource }) => resource.kind))(
  "kubectl apply of %s twice changes nothing",
  async (kind) => {
    const { cluster, namespace, kubectl } = server();
    const wanted = anObject(server(), kind, "twice", samples[kind]);
    expect(await kubectl(["apply", "-f", "-"], wanted)).toMatch(/created/);
    const before = await cluster.get(kindOf(kind).resource, namespace, "twice");
    expect(await kubectl(["apply", "-f", "-"], wanted)).toMatch(/unchanged/);
    expect(await kubectl(["diff", "-f", "-"], wanted)).toBe("");
    expect(await cluster.get(kindOf(kind).resource, namespace, "twice")).toEqual(before);
  },
);

test("two owners of fields: each keeps its own, a contested one is named, the operator's status is in nobody's way", async () => {
  const { cluster, namespace, kubectl, kubectlFails } = server();
  const { resource } = inferenceDeployment;
  const gitops = ["apply", "--server-side", "--field-manager=gitops", "-f", "-"];
  const autoscaler = ["apply", "--server-side", "--field-manager=autoscaler", "-f", "-"];
  const wanted = (spec: Record<string, unknown>) => anObject(server(), "InferenceDeployment", "owned", spec);
  const model = { directory: { claimName: "files" } };
  await kubectl(gitops, wanted({ model, contextLength: 64 }));
  await kubectl(autoscaler, wanted({ replicas: 3, model }));
  await kubectl(gitops, wanted({ model, contextLength: 128 }));
  const refusal = await kubectlFails(gitops, wanted({ model, contextLength: 128, replicas: 1 }));
  expect(refusal).toContain('conflict with "autoscaler"');
  expect(refusal).toContain(".spec.replicas");
  const operator = connectKubernetes({ kubeconfig: { path: server().kubeconfig }, report: () => {} });
  try {
    const read = await operator.get(resource, namespace, "owned");
    if (read === undefined) throw new Error("the endpoint is not there");
    await operator.updateStatus(resource, { ...read, status: { readyReplicas: 3, replicas: 3 } });
    await operator.setFinalizer(resource, read, "tanren.dev/in-use", true);
    await kubectl(gitops, wanted({ model, contextLength: 256 }));
    await kubectl(autoscaler, wanted({ replicas: 5, model }));
    const after = await cluster.get(resource, namespace, "owned");
    expect(after?.spec).toMatchObject({ replicas: 5, contextLength: 256 });
    expect(after?.status).toEqual({ readyReplicas: 3, replicas: 3 });
    expect(after?.metadata.finalizers).toEqual(["tanren.dev/in-use"]);
    // What its owner states no more falls back to the default.
    await kubectl(autoscaler, wanted({ model }));
    expect((await cluster.get(resource, namespace, "owned"))?.spec.replicas).toBe(1);
    if (after) await operator.setFinalizer(resource, after, "tanren.dev/in-use", false);
  } finally {
    await operator.stop();
  }
});

test("items of a list that is a map belong to whoever states them", async () => {
  const { cluster, namespace, kubectl } = server();
  const source = (name: string) => ({
    name,
    language: "ja",
    licence: "x",
    format: "text",
    from: { claimName: "c" },
  });
  const { sources: _, ...rest } = samples.Corpus ?? {};
  const wanted = (...own: string[]) =>
    anObject(server(), "Corpus", "shared", { ...rest, sources: own.map(source) });
  const by = (manager: string) => ["apply", "--server-side", `--field-manager=${manager}`, "-f", "-"];
  await kubectl(by("one"), wanted("a"));
  await kubectl(by("two"), wanted("b"));
  const names = async () => {
    const found = await cluster.get(kindOf("Corpus").resource, namespace, "shared");
    return CorpusSpec.parse(found?.spec).sources.map(({ name }) => name);
  };
  expect(await names()).toEqual(["a", "b"]);
  await kubectl(by("one"), wanted("c"));
  expect((await names()).toSorted()).toEqual(["b", "c"]);
});
