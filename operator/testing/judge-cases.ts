import type { Artifact } from "../api/artifact.ts";
import type { Condition } from "../cluster/objects.ts";
import { sampleArtifact } from "./example-kinds.ts";
import { changed } from "./samples.ts";

/** For each rule of the judge a case, and what is said of it. */

export interface Given {
  kind: string;
  name: string;
  spec: Record<string, unknown>;
  status?: { artifact?: Artifact; conditions?: Condition[] };
}

export interface Rule {
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

export const web = { ...of("Corpus", "c"), status: done({ type: "corpus", vocabularySize: 1000 }) };
export const base = {
  ...of("PretrainRun", "p"),
  status: done({ type: "model", contextLength: 128, vocabularySize: 1000, parameters: 200_000 }),
};
const chat = { ...of("AlignmentRun", "a"), status: base.status };

/** A Corpus over the claim `texts`. */
export const texts = (changes: Record<string, unknown> = {}, source: Record<string, unknown> = {}): Given =>
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

export const readable = {
  claims: { texts: "texts" },
  files: { "texts/a.jsonl": '{"text": "犬が走る。"}\n' },
};

export const tuning = (changes: Record<string, unknown> = {}): Given =>
  of("AlignmentRun", "tune", { model: { pretrainRun: { name: "p" } }, ...changes });
export const talks = '{"messages": [{"role": "user", "content": "犬は？"}]}\n';

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
export const model = (name: string) => ({
  [`models/${name}/config.json`]: config,
  [`models/${name}/tokenizer.json`]: "{}",
  [`models/${name}/model.safetensors`]: "",
});
export const imported = { model: { directory: { claimName: "models", path: "llama" } } };
export const serve = (changes: Record<string, unknown> = {}): Given =>
  of("InferenceDeployment", "chat", { model: { pretrainRun: { name: "p" } }, ...changes });

const missing = (kind: string, name: string, field: string) =>
  `InputNotFound: ${kind} ${name} (spec.${field}) does not exist in this namespace; create it or correct the name`;

export const rules: Rule[] = [
  {
    rule: "a reference to an object that is nowhere",
    objects: [of("PretrainRun", "p")],
    field: "spec.corpus",
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
    field: "spec.corpus",
    severity: "error",
    says: "InputFailed: Corpus c (corpus) failed: NoDocumentsLeft: cleaning left nothing",
    operator: "same",
  },
  {
    rule: "references in a circle",
    objects: [tuning({ model: { alignmentRun: { name: "tune" } } })],
    claims: { files: "files" },
    files: { "files/talks.jsonl": talks },
    field: "spec.model.alignmentRun",
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
    field: "spec.requires[0]",
    severity: "warning",
    says: "InputNotFound: Evaluation exam (spec.requires) does not exist in this namespace; create it or correct the name",
    operator: "same",
  },
  {
    rule: "a gate of another model",
    objects: [serve({ requires: [{ name: "exam" }] })],
    present: [base, chat, exam({ model: { alignmentRun: { name: "a" } } })],
    field: "spec.requires[0]",
    severity: "error",
    says: "EvaluationNotPassed: Evaluation exam (spec.requires) is of another model than spec.model; let both name the same, or it can never open this gate",
    operator: "same",
  },
  {
    rule: "a gate without thresholds",
    objects: [serve({ requires: [{ name: "exam" }] })],
    present: [base, exam({ thresholds: [] })],
    field: "spec.requires[0]",
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
    field: "spec.requires[0]",
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
