import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { exitCodes } from "../../operator/cli/failure.ts";
import { events } from "../../operator/cluster/resource.ts";
import { type Bench, condition, corpus, openBench, pretrainRun, resourceOf } from "./command.ts";

/** What the command shows of a real cluster. */

const patience = 120_000;
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const artifact = (letter: string, stage: string, parents: object[]) => ({
  type: stage === "tokenize" ? "corpus" : "model",
  stage,
  claimName: "data",
  path: stage,
  digest: digest(letter),
  sizeBytes: 2048,
  parents,
});

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  const { api, namespace, plugin, setStatus, write } = bench;
  await write(
    "all.yaml",
    `${corpus("web")}---\n${pretrainRun("base", "web")}---\n${pretrainRun("other", "web")}`,
  );
  expect(await plugin("run", "-f", "all.yaml", "--detach")).toMatchObject({ code: 0, error: "" });
  await setStatus("Corpus", "web", {
    observedGeneration: 1,
    conditions: [
      condition("Succeeded", "True", "Completed", "3/3 stages completed"),
      condition("Ready", "True", "Completed", "3/3 stages completed"),
    ],
    artifact: {
      ...artifact("a", "tokenize", []),
      tokens: 1024,
      vocabularySize: 400,
      tokenizerDigest: digest("e"),
    },
  });
  await setStatus("PretrainRun", "base", {
    observedGeneration: 1,
    conditions: [
      condition("Succeeded", "Unknown", "Running", "stage train runs"),
      condition("Ready", "False", "Running", "stage train runs"),
    ],
    progress: {
      stage: "train",
      step: 4,
      total: 8,
      unit: "step",
      percent: "50%",
      eta: "2m00s",
      metrics: [{ name: "loss", value: "3.25" }],
      updateTime: new Date().toISOString(),
    },
    stages: [{ name: "train", state: "Running", startTime: new Date().toISOString() }],
    artifact: artifact("b", "train", [{ name: "corpus", digest: digest("a"), reference: "Corpus/web" }]),
  });
  for (const name of ["base", "other"]) {
    const uid = (await bench.cluster.list(pretrainRuns, { namespace })).find(
      (one) => one.metadata.name === name,
    )?.metadata.uid;
    await api.send("POST", `/apis/events.k8s.io/v1/namespaces/${namespace}/events`, {
      apiVersion: events.apiVersion,
      kind: "Event",
      metadata: { name: `${name}.1`, namespace },
      type: "Normal",
      reason: "StageStarted",
      action: "Reconcile",
      note: `stage train of ${name} has started`,
      regarding: { apiVersion: "tanren.dev/v1alpha1", kind: "PretrainRun", namespace, name, uid },
      reportingController: "tanren.dev/operator",
      reportingInstance: "test",
      eventTime: new Date().toISOString().replace("Z", "000Z"),
    });
  }
}, patience);
afterAll(() => bench?.close(), patience);

const pretrainRuns = resourceOf("PretrainRun");

describe("get", { timeout: patience }, () => {
  test("shows the columns of kubectl get, aligned, one table a kind", async () => {
    const { code, out, error } = await bench.plugin("get");
    expect({ code, error }).toEqual({ code: 0, error: "" });
    const lines = out.trimEnd().split("\n");
    expect(lines.map((line) => line.replace(/\d+s$/, "AGE").replaceAll(/ +/g, " "))).toEqual([
      "NAME SUCCEEDED STAGE PROGRESS TOKENS ETA REASON AGE",
      "corpus/web True 1024 Completed AGE",
      "",
      "NAME SUCCEEDED STAGE PROGRESS LOSS ETA REASON AGE",
      "pretrainrun/base Unknown train 50% 3.25 2m00s Running AGE",
      "pretrainrun/other AGE",
    ]);
    const [header = "", base = ""] = lines.slice(3);
    for (const [title, cell] of [
      ["STAGE", "train"],
      ["LOSS", "3.25"],
      ["REASON", "Running"],
    ] as const)
      expect(base.indexOf(cell, 30)).toBe(header.indexOf(title));
  });

  test("has the same cells as kubectl get", async () => {
    const cells = (text: string) =>
      text
        .replaceAll(/\d+s\b/g, "AGE")
        .trim()
        .split(/\s+/);
    const ours = await bench.plugin("get", "pretrainruns");
    const theirs = await bench.kubectl("get", "pretrainruns", "-n", bench.namespace);
    expect(cells(ours.out)).toEqual(cells(theirs.out));
  });

  test.each(["tanren", "kubectl-tanren"] as const)("%s with --kubeconfig shows the same", async (program) => {
    const words = ["--kubeconfig", bench.kubeconfig, "-n", bench.namespace, "get", "ptr/base", "-o", "name"];
    expect(await bench.run(program, words, { KUBECONFIG: "/nowhere" })).toEqual({
      code: 0,
      out: "pretrainrun.tanren.dev/base\n",
      error: "",
    });
  });

  test("takes the namespace of the context", async () => {
    await bench
      .kubectl("config", "view", "--raw", "--flatten")
      .then(({ out }) => bench.write("mine.kubeconfig", out));
    const mine = { KUBECONFIG: `${bench.directory}/mine.kubeconfig` };
    const { code } = await bench.kubectl(
      "config",
      "set-context",
      "--current",
      "--namespace",
      bench.namespace,
      "--kubeconfig",
      mine.KUBECONFIG,
    );
    expect(code).toBe(0);
    expect((await bench.run("kubectl-tanren", ["get", "-o", "name"], mine)).out).toContain(
      "corpus.tanren.dev/web\n",
    );
  });

  test("-A shows the namespace, -o wide the message, -o json and yaml the objects", async () => {
    expect((await bench.plugin("get", "ptr", "-A", "-o", "wide")).out).toMatch(
      new RegExp(
        `^NAMESPACE +NAME +SUCCEEDED.*MESSAGE.*\\n(.*\\n)*${bench.namespace} +base +Unknown .* stage train runs`,
      ),
    );
    const list = JSON.parse((await bench.plugin("get", "ptr", "-o", "json")).out);
    expect(list).toMatchObject({
      kind: "List",
      items: [{ metadata: { name: "base" } }, { metadata: { name: "other" } }],
    });
    expect((await bench.plugin("get", "ptr/base", "-o", "yaml")).out).toMatch(
      /^apiVersion: tanren.dev\/v1alpha1\nkind: PretrainRun\n/,
    );
  });

  test("says of what is not there where it looked", async () => {
    const { code, error } = await bench.plugin("get", "ptr/none");
    expect(code).toBe(exitCodes.notFound.code);
    expect(error).toMatch(
      new RegExp(
        `^tanren: there is no PretrainRun none in namespace ${bench.namespace} of context tanren \\(https://.*\\); "kubectl tanren get pretrainruns -A" lists`,
      ),
    );
  });
});

test("describe shows status and the Events of this object alone", { timeout: patience }, async () => {
  const { code, out } = await bench.plugin("describe", "ptr/base");
  expect(code).toBe(0);
  expect(out).toMatch(
    /^PretrainRun\/base\n {2}namespace command-\w+, generation 1, \d+s old\n {2}Succeeded is Unknown: Running: stage train runs\n/,
  );
  expect(out).toMatch(/\nProgress\n {2}stage +train\n {2}step +4 of 8\n/);
  expect(out).toMatch(/\nStages\n.*\n {2}train +Running\n/);
  expect(out).toMatch(/\n {2}digest +sha256:b{64}\n/);
  expect(out).toMatch(
    /Events\n {2}AGE +TYPE +REASON +NOTE\n +\d+s +Normal +StageStarted +stage train of base has started\n$/,
  );
});

test("tree shows what objects are made from, also what has not run", { timeout: patience }, async () => {
  expect(await bench.plugin("tree")).toEqual({
    code: 0,
    error: "",
    out: [
      `PretrainRun/base; train ${digest("b").slice(0, 19)}; 2.00 KiB`,
      `└─ corpus: Corpus/web; tokenize ${digest("a").slice(0, 19)}; 2.00 KiB`,
      "   └─ source ja: jsonl; ja; licence CC0-1.0; claim data",
      "",
      "PretrainRun/other; has made no artifact yet",
      "└─ corpus: Corpus/web; tokenize sha256:aaaaaaaaaaaa; 2.00 KiB; (shown above)",
      "",
    ].join("\n"),
  });
});

describe("plan and validate", { timeout: patience }, () => {
  const extension = `apiVersion: tanren.dev/v1alpha1
kind: ContextExtension
metadata: {name: long}
spec:
  model: {pretrainRun: {name: base}}
  corpus: {name: web}
  contextLength: 256
  method: positionInterpolation
  training: {tokens: 4096, globalBatchTokens: 512, learningRate: "1e-4"}
`;

  test("references lead to objects of the cluster, and without it nowhere", async () => {
    await bench.write("long.yaml", extension);
    const there = await bench.plugin("plan", "-f", "long.yaml");
    expect(there).toMatchObject({ code: 0, error: "" });
    expect(there.out).toMatch(/^OBJECT +.*\nContextExtension\/long +/);
    const here = await bench.run("tanren", ["plan", "-f", "long.yaml"]);
    expect(here.code).toBe(exitCodes.done.code);
    expect(here.error).toMatch(
      /^warning: long.yaml:\d+: ContextExtension\/long: spec.model.pretrainRun: InputNotFound: PretrainRun base/,
    );
  });

  test("validate asks the API server too: a namespace that is not there", async () => {
    await bench.write(
      "elsewhere.yaml",
      corpus("web").replace("{name: web}", "{name: web, namespace: never-made}"),
    );
    const { code, error } = await bench.run("kubectl-tanren", ["validate", "-f", "elsewhere.yaml"]);
    expect(code).toBe(exitCodes.invalid.code);
    expect(error).toMatch(
      /^tanren: elsewhere.yaml:1: Corpus\/web: namespace never-made does not exist; create it first\n/m,
    );
    expect((await bench.run("tanren", ["validate", "-f", "elsewhere.yaml"])).error).not.toContain(
      "never-made",
    );
  });

  const missing = (kind: string, name: string, field: string, scope = "in this namespace") =>
    new RegExp(
      `^warning: lacking.yaml:\\d+: InferenceDeployment/lacking: spec.${field}: InputNotFound: ${kind} ${name} .* does not exist ${scope};`,
      "m",
    );

  test("validate names what the cluster does not have yet, and finds what it has", async () => {
    await bench.write(
      "lacking.yaml",
      stringify({
        apiVersion: "tanren.dev/v1alpha1",
        kind: "InferenceDeployment",
        metadata: { name: "lacking" },
        spec: {
          model: { directory: { claimName: "models" } },
          auth: { secretName: "keys" },
          compute: { serviceAccountName: "robot", priorityClassName: "urgent" },
        },
      }),
    );
    const { code, error } = await bench.plugin("validate", "-f", "lacking.yaml");
    expect(code, error).toBe(exitCodes.done.code);
    expect(error).toMatch(missing("PersistentVolumeClaim", "models", "model.directory.claimName"));
    expect(error).toMatch(missing("Secret", "keys", "auth.secretName"));
    expect(error).toMatch(missing("ServiceAccount", "robot", "compute.serviceAccountName"));
    expect(error).toMatch(missing("PriorityClass", "urgent", "compute.priorityClassName", "in this cluster"));
    const more = "  storage: {size: 1Gi, storageClassName: fast}\n  compute: {queueName: team}\n";
    await bench.write("lacking.yaml", corpus("lacking", more));
    const lacking = await bench.plugin("validate", "-f", "lacking.yaml");
    expect(lacking.error).toMatch(
      /StorageClass fast \(spec.storage.storageClassName\) does not exist in this cluster;/,
    );
    // No Kueue is installed: nothing of its kinds is there.
    expect(lacking.error).toMatch(/LocalQueue team \(spec.compute.queueName\) does not exist/);
    await bench.write(
      "lacking.yaml",
      corpus("there", "  compute: {serviceAccountName: default, priorityClassName: system-node-critical}\n"),
    );
    expect(await bench.plugin("validate", "-f", "lacking.yaml")).toMatchObject({ code: 0, error: "" });
  });

  test("validate changes nothing", async () => {
    await bench.write("new.yaml", corpus("new"));
    expect(await bench.plugin("validate", "-f", "new.yaml")).toEqual({
      code: 0,
      out: "1 object is valid\n",
      error: "",
    });
    expect((await bench.plugin("get", "corpus/new")).code).toBe(exitCodes.notFound.code);
  });

  test("a claim that is a directory of this machine is refused", async () => {
    await bench.write(
      "local.yaml",
      "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: d\n  annotations: {local.tanren.dev/path: .}\nspec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 1Gi}}}\n",
    );
    const { code, error } = await bench.plugin("validate", "-f", "local.yaml");
    expect(code).toBe(exitCodes.invalid.code);
    expect(error).toMatch(
      /^tanren: local.yaml:5: PersistentVolumeClaim\/d: metadata.annotations.local.tanren.dev\/path: is a directory of this machine/,
    );
  });
});
