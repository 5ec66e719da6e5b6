import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Command } from "commander";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { stringify } from "yaml";
import { Allowed } from "../api/allowed.ts";
import type { Artifact } from "../api/artifact.ts";
import { NetworkPolicies, PodDefaults } from "../api/configuration.ts";
import { apiVersion, inferenceDeployment, type TanrenObject } from "../api/kinds.ts";
import { findCondition } from "../cluster/conditions.ts";
import type { Condition, KubernetesObject } from "../cluster/objects.ts";
import { claims, deployments, jobs, type Resource, secrets } from "../cluster/resource.ts";
import { batchConsumer, kindsByName, ParsedSpecs } from "../engine/references.ts";
import { batchKinds } from "../kinds/index.ts";
import { reconcileRun } from "../runs/reconcile.ts";
import { EventRecorder } from "../runtime/events.ts";
import { reconcileServing } from "../serving/reconcile.ts";
import { sampleArtifact } from "../testing/example-kinds.ts";
import { silent } from "../testing/example-runs.ts";
import { changed } from "../testing/samples.ts";
import { aClaim, namespace, TestEnv } from "../testing/test-env.ts";
import { planCommand } from "./commands/plan.ts";
import { runCommand } from "./commands/run.ts";
import { validateCommand } from "./commands/validate.ts";
import { Failure } from "./failure.ts";
import { kinds } from "./kinds.ts";
import { targetOptions } from "./target/flags.ts";

/**
 * One judge: for each rule a case that validate, plan, run and the operator answer alike. A rule that one of
 * them does not know fails here.
 */

// `run` has judged before it starts an operator, and these tests look no further.
vi.mock("./target/local-operator.ts", () => ({
  startLocalOperator: () => Promise.reject(new Failure("failed", "an operator starts")),
}));

interface Given {
  kind: string;
  name: string;
  spec: Record<string, unknown>;
  status?: { artifact?: Artifact; conditions?: Condition[] };
}

interface Rule {
  rule: string;
  /** The first is the one that is judged. */
  objects: [Given, ...Given[]];
  /** Claims among the manifests: the directory of each, below the case's own. */
  claims?: Record<string, string>;
  files?: Record<string, string>;
  /** Objects that are there already. */
  present?: Given[];
  severity: "error" | "warning";
  /** In what is said of a path, `DIR` stands for the case's own directory. */
  says: string;
  field?: string;
  /** `same`: it says so in the root condition; `starts`: it cannot know, and the pods say it. */
  operator: "same" | "starts";
}

const of = (kind: string, name: string, changes: Record<string, unknown> = {}): Given => ({
  kind,
  name,
  spec: changed(kind, changes),
});

const done = (figures: Partial<Artifact> & Pick<Artifact, "type">): Given["status"] => ({
  artifact: sampleArtifact(figures),
  conditions: [ended("True", "Completed", "")],
});

const ended = (status: Condition["status"], reason: string, message: string): Condition => ({
  type: "Succeeded",
  status,
  reason,
  message,
  lastTransitionTime: "2026-01-01T00:00:00Z",
});

const web = { ...of("Corpus", "c"), status: done({ type: "corpus", vocabularySize: 1000 }) };
const base = {
  ...of("PretrainRun", "p"),
  status: done({ type: "model", contextLength: 128, vocabularySize: 1000, parameters: 200_000 }),
};
const chat = { ...of("AlignmentRun", "a"), status: base.status };

/** A Corpus over the claim `texts`. */
const texts = (changes: Record<string, unknown> = {}, source: Record<string, unknown> = {}): Given =>
  of("Corpus", "web", {
    sources: [
      {
        name: "ja",
        language: "ja",
        licence: "CC0-1.0",
        format: "jsonl",
        from: { claimName: "texts" },
        ...source,
      },
    ],
    ...changes,
  });

const readable = { claims: { texts: "texts" }, files: { "texts/a.jsonl": '{"text": "犬が走る。"}\n' } };

const tuning = (changes: Record<string, unknown> = {}): Given =>
  of("AlignmentRun", "tune", { model: { pretrainRun: { name: "p" } }, ...changes });
const talks = '{"messages": [{"role": "user", "content": "犬は？"}]}\n';

const exam = (changes: Record<string, unknown> = {}): Given =>
  of("Evaluation", "exam", {
    model: { pretrainRun: { name: "p" } },
    thresholds: [{ suite: "qa", metric: "exact_match", atLeast: "0.5" }],
    ...changes,
  });

const config = JSON.stringify({
  vocab_size: 300,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 256,
});
const model = (name: string) => ({
  [`models/${name}/config.json`]: config,
  [`models/${name}/tokenizer.json`]: "{}",
  [`models/${name}/model.safetensors`]: "",
});
const imported = { model: { directory: { claimName: "models", path: "llama" } } };
const serve = (changes: Record<string, unknown> = {}): Given =>
  of("InferenceDeployment", "chat", { model: { pretrainRun: { name: "p" } }, ...changes });

const missing = (kind: string, name: string, field: string) =>
  `InputNotFound: ${kind} ${name} (spec.${field}) does not exist in this namespace; create it or correct the name`;

const rules: Rule[] = [
  {
    rule: "a reference to an object that is nowhere",
    objects: [of("PretrainRun", "p")],
    severity: "warning",
    says: "InputNotFound: Corpus c (corpus) does not exist in this namespace; create it or correct the name",
    operator: "same",
  },
  {
    rule: "a reference to an object that has failed",
    objects: [of("PretrainRun", "p")],
    present: [
      { ...web, status: { conditions: [ended("False", "NoDocumentsLeft", "cleaning left nothing")] } },
    ],
    severity: "error",
    says: "InputFailed: Corpus c (corpus) failed: NoDocumentsLeft: cleaning left nothing",
    operator: "same",
  },
  {
    rule: "references in a circle",
    objects: [tuning({ model: { alignmentRun: { name: "tune" } } })],
    claims: { files: "files" },
    files: { "files/talks.jsonl": talks },
    severity: "error",
    says: "CyclicReference: the references lead back: AlignmentRun/tune -> AlignmentRun/tune; let one of them name another object",
    operator: "same",
  },
  {
    rule: "a spec that cannot be run",
    objects: [of("PretrainRun", "p", { "parallelism.shard": 2 })],
    present: [web],
    severity: "error",
    says: "InvalidSpec: spec.parallelism.shard 2 does not divide them: compute.nodes 1 are 1 ranks; set shard to 1",
    operator: "same",
  },
  {
    rule: "too little memory",
    objects: [of("PretrainRun", "p", { "compute.resources.memory": "64Mi" })],
    present: [web],
    severity: "error",
    says: "InsufficientMemory: a rank needs about",
    operator: "same",
  },
  {
    rule: "patterns that lead out of their source",
    objects: [texts({}, { include: ["../*.jsonl"] })],
    ...readable,
    severity: "error",
    says: `InvalidSpec: spec.sources[0].include "../*.jsonl" leads out of the source's directory; write it relative to spec.sources[0].from`,
    operator: "same",
  },
  {
    rule: "a claim to read that is not there",
    objects: [texts()],
    severity: "error",
    field: "spec.sources[0].from.claimName",
    says: missing("PersistentVolumeClaim", "texts", "sources[0].from.claimName"),
    operator: "same",
  },
  {
    rule: "a claim to write to that is not there",
    objects: [texts({ storage: { claimName: "work" } })],
    ...readable,
    severity: "error",
    field: "spec.storage.claimName",
    says: missing("PersistentVolumeClaim", "work", "storage.claimName"),
    operator: "same",
  },
  {
    rule: "data of an alignment that is not there",
    objects: [tuning()],
    present: [base],
    severity: "error",
    field: "spec.chat.datasets[0].claimName",
    says: missing("PersistentVolumeClaim", "files", "chat.datasets[0].claimName"),
    operator: "same",
  },
  {
    rule: "questions that are not there",
    objects: [exam()],
    present: [base],
    severity: "error",
    field: "spec.suites[0].data.claimName",
    says: missing("PersistentVolumeClaim", "files", "suites[0].data.claimName"),
    operator: "same",
  },
  {
    rule: "an imported model whose claim is not there",
    objects: [serve(imported)],
    severity: "error",
    field: "spec.model.directory.claimName",
    says: missing("PersistentVolumeClaim", "models", "model.directory.claimName"),
    operator: "same",
  },
  {
    rule: "the name of the claim to be made is taken",
    objects: [texts()],
    claims: { ...readable.claims, "corpus-web": "work" },
    files: { ...readable.files, "work/other": "" },
    severity: "error",
    says: "NameTaken: PersistentVolumeClaim corpus-web exists and is not this run's; delete it, or name it in spec.storage.claimName",
    operator: "same",
  },
  {
    rule: "keys that are not there",
    objects: [serve({ auth: { secretName: "keys" } })],
    present: [base],
    severity: "error",
    field: "spec.auth.secretName",
    says: missing("Secret", "keys", "auth.secretName"),
    operator: "starts",
  },
  {
    rule: "a gate that is not there",
    objects: [serve({ requires: [{ name: "exam" }] })],
    present: [base],
    severity: "warning",
    says: "InputNotFound: Evaluation exam (spec.requires) does not exist in this namespace; create it or correct the name",
    operator: "same",
  },
  {
    rule: "a gate of another model",
    objects: [serve({ requires: [{ name: "exam" }] })],
    present: [base, chat, exam({ model: { alignmentRun: { name: "a" } } })],
    severity: "error",
    says: "EvaluationNotPassed: Evaluation exam (spec.requires) is of another model than spec.model; let both name the same, or it can never open this gate",
    operator: "same",
  },
  {
    rule: "a gate without thresholds",
    objects: [serve({ requires: [{ name: "exam" }] })],
    present: [base, exam({ thresholds: [] })],
    severity: "error",
    says: "EvaluationNotPassed: Evaluation exam (spec.requires) has no thresholds, so that nothing can pass; give it spec.thresholds, or take it out of spec.requires",
    operator: "same",
  },
  {
    rule: "a gate before an imported model",
    objects: [serve({ ...imported, requires: [{ name: "exam" }] })],
    claims: { models: "models" },
    files: model("llama"),
    present: [base, exam()],
    severity: "error",
    says: "EvaluationNotPassed: Evaluation exam (spec.requires) cannot speak of an imported directory, which has no digest; take it out of spec.requires",
    operator: "same",
  },
  {
    rule: "a context beyond the model's",
    objects: [serve({ contextLength: 256 })],
    present: [base],
    severity: "error",
    says: "InvalidSpec: spec.contextLength 256 is over the context of 128 tokens that PretrainRun p has; set it to 128 or less, or leave it out",
    operator: "same",
  },
  {
    rule: "a context beyond an imported model's",
    objects: [serve({ ...imported, contextLength: 512 })],
    claims: { models: "models" },
    files: model("llama"),
    severity: "error",
    says: "InvalidSpec: spec.contextLength 512 is over the context of 256 tokens that directory models/llama has; set it to 256 or less, or leave it out",
    operator: "starts",
  },
  {
    rule: "an imported directory that is none",
    objects: [serve(imported)],
    claims: { models: "models" },
    files: model("mistral"),
    severity: "error",
    field: "spec.model.directory.path",
    says: "InvalidData: DIR/models/llama does not exist; put the data there or correct the path",
    operator: "starts",
  },
  {
    rule: "an imported directory without weights",
    objects: [serve(imported)],
    claims: { models: "models" },
    files: { "models/llama/config.json": config, "models/llama/tokenizer.json": "{}" },
    severity: "error",
    field: "spec.model.directory.path",
    says: "InvalidData: DIR/models/llama has no .safetensors file; give a model directory in Hugging Face layout",
    operator: "starts",
  },
  {
    rule: "an imported model of another architecture",
    objects: [serve(imported)],
    claims: { models: "models" },
    files: {
      ...model("llama"),
      "models/llama/config.json": JSON.stringify({ ...JSON.parse(config), attention_bias: true }),
    },
    severity: "error",
    field: "spec.model.directory.path",
    says: "InvalidData: DIR/models/llama/config.json: attention_bias is missing or not supported; use a LlamaForCausalLM model without it",
    operator: "starts",
  },
  {
    rule: "an include that matches nothing",
    objects: [texts({}, { include: ["*.warc.gz"] })],
    ...readable,
    severity: "error",
    field: "spec.sources[0].from.path",
    says: 'InvalidData: no file of DIR/texts matches include ["*.warc.gz"]; put files there or correct the patterns',
    operator: "starts",
  },
  {
    rule: "a source that is a file",
    objects: [texts({}, { from: { claimName: "texts", path: "a.jsonl" } })],
    ...readable,
    severity: "error",
    field: "spec.sources[0].from.path",
    says: "InvalidData: DIR/texts/a.jsonl is a file; name its directory, and the file in `include`",
    operator: "starts",
  },
  {
    rule: "a first document that is none, of which a Corpus may have some",
    objects: [texts()],
    claims: readable.claims,
    files: { "texts/a.jsonl": '{"content": "犬が走る。"}\n' },
    severity: "warning",
    field: "spec.sources[0].from.path",
    says: "InvalidData: DIR/texts/a.jsonl:1: text is missing; give a JSON object with a string `text` on each line",
    operator: "starts",
  },
  {
    rule: "a first conversation of another shape",
    objects: [tuning()],
    present: [base],
    claims: { files: "files" },
    files: { "files/talks.jsonl": '\n{"messages": [{"role": "human", "content": "犬は？"}]}\n' },
    severity: "error",
    field: "spec.chat.datasets[0].path",
    says: "InvalidData: DIR/files/talks.jsonl:2: messages[0].role must be one of system, user, assistant; give a JSON object with `messages`",
    operator: "starts",
  },
  {
    rule: "a file of conversations without any",
    objects: [tuning()],
    present: [base],
    claims: { files: "files" },
    files: { "files/talks.jsonl": "\n" },
    severity: "error",
    field: "spec.chat.datasets[0].path",
    says: "InvalidData: DIR/files/talks.jsonl is empty; give a JSON object with `messages`",
    operator: "starts",
  },
  {
    rule: "questions of another benchmark",
    objects: [
      exam({
        suites: [{ name: "q", task: "jsquad", data: { claimName: "files", path: "q.json" }, shots: 0 }],
        thresholds: [],
      }),
    ],
    present: [base],
    claims: { files: "files" },
    files: { "files/q.json": '{"question": "犬は何をする？"}' },
    severity: "error",
    field: "spec.suites[0].data.path",
    says: "InvalidData: DIR/files/q.json: data is missing; give SQuAD's JSON as JGLUE publishes JSQuAD",
    operator: "starts",
  },
  {
    rule: "GPUs of a machine whose pods get none",
    objects: [of("PretrainRun", "p", { "compute.gpusPerNode": 1 })],
    present: [web],
    severity: "error",
    field: "spec.compute.gpusPerNode",
    says: "pods of this machine get no GPU; set it to 0, or run on a cluster",
    operator: "starts",
  },
  {
    rule: "a queue where no Kueue is",
    objects: [texts({ "compute.queueName": "team" })],
    ...readable,
    severity: "error",
    field: "spec.compute.queueName",
    says: "Kueue is not on this machine to admit the Job; leave it out, or run on a cluster",
    operator: "starts",
  },
  {
    rule: "more CPUs than the machine has",
    objects: [texts({ "compute.resources.cpu": "1000" })],
    ...readable,
    severity: "error",
    field: "spec.compute.resources.cpu",
    says: "1000 is more than the",
    operator: "starts",
  },
];

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tanren-judge-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
  vi.restoreAllMocks();
});

function write(name: string, content: string): void {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

const manifest = ({ kind, name, spec }: Given) => ({ apiVersion, kind, metadata: { name }, spec });

const claimOf = ([name, path]: [string, string]) => ({
  ...aClaim(name),
  metadata: { name, annotations: { "local.tanren.dev/path": path } },
});

const resourceOf = (kind: string): Resource<TanrenObject> => {
  const found = kinds.find(({ resource }) => resource.kind === kind);
  if (found === undefined) throw new Error(`there is no kind ${kind}`);
  return found.resource as Resource<TanrenObject>;
};

/** Files, manifests and, as an operator left it, the state. */
function layOut({ objects, claims: given = {}, files = {}, present = [] }: Rule): void {
  for (const [name, content] of Object.entries(files)) write(name, content);
  const all = [...Object.entries(given).map(claimOf), ...objects.map(manifest)];
  write("all.yaml", all.map((one) => stringify(one)).join("---\n"));
  for (const [index, one] of present.entries()) {
    const metadata = { name: one.name, namespace, uid: String(index), resourceVersion: "1", generation: 1 };
    const stored = { ...manifest(one), metadata, status: one.status };
    write(
      `state/objects/${resourceOf(one.kind).plural}/${namespace}/${one.name}.json`,
      JSON.stringify(stored),
    );
  }
}

interface Said {
  out: string;
  errors: string;
  failure?: unknown;
}

/** What a command says before it would change anything. */
async function command(made: Command, ...words: string[]): Promise<Said> {
  const said: Said = { out: "", errors: "" };
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    said.out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    said.errors += String(text);
    return true;
  });
  const program = new Command("tanren").exitOverride();
  for (const option of targetOptions("tanren")) program.addOption(option);
  program.addCommand(made.copyInheritedSettings(program));
  const line = [...words, "-f", join(directory, "all.yaml"), "--state", join(directory, "state")];
  await program.parseAsync([made.name(), ...line], { from: "user" }).catch((error: unknown) => {
    said.failure = error;
  });
  vi.restoreAllMocks();
  return said;
}

const withPaths = (text: string) => text.replaceAll("DIR", directory);

/** The root condition that an operator gives the first object, and whether it makes pods for it. */
async function operator({ objects, claims: given = {}, present = [] }: Rule) {
  const env = new TestEnv();
  const { cluster, clock } = env;
  const specs = new ParsedSpecs();
  for (const name of Object.keys(given)) env.store.apply(claims, aClaim(name));
  for (const one of [...objects, ...present]) {
    const resource = resourceOf(one.kind);
    const applied = env.store.apply(resource, {
      ...manifest(one),
      metadata: { name: one.name, namespace },
    } as Parameters<typeof env.store.apply<TanrenObject>>[1]);
    if (one.status) env.store.updateStatus(resource, { ...applied, status: one.status });
  }
  const reader = {
    cluster,
    clock,
    specs,
    logger: silent,
    recorder: new EventRecorder({ cluster, clock, logger: silent, instance: "test" }),
    kinds: kindsByName(batchKinds),
    consumers: batchKinds.map((kind) => batchConsumer(kind, specs)),
    progressOf: () => undefined,
    allowed: Allowed.parse({ secrets: ["*"] }),
    podDefaults: PodDefaults.parse({}),
    networkPolicies: NetworkPolicies.parse({}),
    progressSeconds: 10,
  };
  const [{ kind, name }] = objects;
  const batch = batchKinds.find(({ definition }) => definition.resource.kind === kind);
  const reconciler = batch ? reconcileRun(batch, reader) : reconcileServing(reader);
  for (let times = 0; times < 4; times++) await reconciler.reconcile({ namespace, name }, { logger: silent });
  const { status } = env.store.get(resourceOf(kind), namespace, name) ?? {};
  const isServing = kind === inferenceDeployment.resource.kind;
  const started: KubernetesObject[] = isServing ? env.store.list(deployments) : env.store.list(jobs);
  return { root: findCondition(status?.conditions, isServing ? "Ready" : "Succeeded"), started };
}

describe.each(rules)("$rule", (rule) => {
  const [{ kind, name }] = rule.objects;
  const { severity, says, field } = rule;
  const sentence = () => [`${kind}/${name}`, field, withPaths(says)].filter(Boolean).join(": ");
  const isError = severity === "error";
  beforeEach(() => layOut(rule));

  test("validate says so", async () => {
    const { failure, errors } = await command(validateCommand());
    if (isError)
      expect(failure).toMatchObject({ exitCode: "invalid", message: expect.stringContaining(sentence()) });
    else expect([failure, errors]).toEqual([undefined, expect.stringMatching(/^warning: .*all.yaml:\d+: /)]);
    if (!isError) expect(errors).toContain(sentence());
  });

  test("plan says so", async () => {
    const { out } = await command(planCommand(), "-o", "json");
    const plan = JSON.parse(out).find(
      (one: { kind: string; name: string }) => one.kind === kind && one.name === name,
    );
    const problems = plan.problems.map((one: { reason?: string; message: string; severity: string }) => [
      one.severity,
      [one.reason, one.message].filter(Boolean).join(": "),
    ]);
    expect(problems).toContainEqual([severity, expect.stringContaining(withPaths(says))]);
  });

  test("run says so", async () => {
    const { failure, errors } = await command(runCommand(), "--until", "complete");
    if (isError)
      expect(failure).toMatchObject({ exitCode: "invalid", message: expect.stringContaining(sentence()) });
    else {
      expect(errors).toContain(sentence());
      expect(failure).toMatchObject({ message: "an operator starts" });
    }
  });

  test(rule.operator === "same" ? "the operator says so" : "the operator leaves it to the pods", async () => {
    const { root, started } = await operator(rule);
    if (rule.operator === "same") {
      expect(`${root?.reason}: ${root?.message}`).toContain(says);
      expect(started).toEqual([]);
    } else expect(started).toHaveLength(1);
  });
});

test("what has succeeded is not asked for its data again", async () => {
  const gone: Rule = {
    rule: "",
    objects: [texts()],
    present: [{ ...texts(), status: web.status }],
    severity: "error",
    says: "",
    operator: "starts",
  };
  layOut(gone);
  const { failure, errors } = await command(validateCommand());
  expect([failure, errors]).toEqual([undefined, ""]);
});

test("what lacks nothing is told nothing", async () => {
  const whole: Rule = {
    rule: "",
    objects: [
      serve({ ...imported, auth: { secretName: "keys" } }),
      texts(),
      tuning({ "chat.datasets": [{ name: "t", claimName: "files", path: "talks.jsonl" }] }),
    ],
    claims: { ...readable.claims, files: "files", models: "models" },
    files: { ...readable.files, ...model("llama"), "files/talks.jsonl": talks },
    present: [base],
    severity: "error",
    says: "",
    operator: "starts",
  };
  layOut(whole);
  write(
    "secret.yaml",
    stringify({ apiVersion: "v1", kind: secrets.kind, metadata: { name: "keys" }, stringData: { a: "b" } }),
  );
  const { failure, errors } = await command(validateCommand(), "-f", join(directory, "secret.yaml"));
  expect([failure, errors]).toEqual([undefined, ""]);
});

test("a refusal stands at the line of the field that it names", async () => {
  const exam = `apiVersion: tanren.dev/v1alpha1
kind: Evaluation
metadata: {name: exam}
spec:
  model: {alignmentRun: {name: chat}}
  compute:
    nodes: 3
  suites: [{name: r, task: jsquad, data: {claimName: f}, shots: 1}]
`;
  write("all.yaml", exam);
  const { failure } = await command(validateCommand());
  expect(String(failure)).toContain("all.yaml:7: Evaluation/exam: InvalidSpec: spec.compute.nodes is 3");
});
