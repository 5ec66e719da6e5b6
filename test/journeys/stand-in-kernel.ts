import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { z } from "zod";
import { programExitCodes } from "../../operator/api/reasons.ts";
import * as contract from "../../operator/contract/index.ts";
import { CorpusReport } from "../../operator/ui-server/corpus-report.ts";
import { serve } from "./stand-in-server.ts";

/**
 * Stands in for `python -m tanren_kernels.<program>` where the subject is the operator: accepts what the
 * contract accepts, writes an artifact and a result in no time, and leaves a line for every start in the file
 * named by WITNESS. The attempt that STAND_IN_REFUSES names finds fault with its data.
 */
const [, , , module, , configFile] = process.argv;
const program = module?.replace("tanren_kernels.", "") ?? "";
const schema = Object.entries(contract.stagePrograms).find(([name]) => name === program)?.[1];
if (program === "serve" && configFile) await serve(configFile);
if (!schema || !configFile) throw new Error(`no stand-in for ${program}`);
const config = schema.parse(JSON.parse(readFileSync(configFile, "utf8"))) as { run: unknown; output: string };
const run = config.run as { kind: string; name: string; uid: string; stage: string; attempt: number };

const { WITNESS, TANREN_RESULT, JOB_COMPLETION_INDEX, STAND_IN_REFUSES } = process.env;
if (!WITNESS || !TANREN_RESULT) throw new Error("WITNESS and TANREN_RESULT must be set");
const attempt = `${run.kind}/${run.name} ${run.stage} ${run.attempt}`;
appendFileSync(WITNESS, `${run.uid} ${attempt} ${JOB_COMPLETION_INDEX}\n`);

const delay = Number(process.env.STAND_IN_DELAY_MS ?? "0");
if (delay > 0) await setTimeout(delay);

if (attempt === STAND_IN_REFUSES) {
  const refusal = { reason: "InvalidData", message: "refused by the stand-in.", metrics: {} };
  writeFileSync(TANREN_RESULT, JSON.stringify(contract.Result.parse(refusal)));
  process.exit(programExitCodes.invalid);
}

const types: Record<string, string> = { tokenize: "corpus", train: "model", evaluate: "evaluation" };
const type = types[program];
mkdirSync(config.output, { recursive: true });
// As the kernels do: of canonical JSON, whose keys are sorted.
const content = {
  api_version: "tanren.dev/v1alpha1",
  files: [],
  metadata: { made_by: `${run.kind}/${run.name}/${run.stage}` },
  parents: [],
  type,
};
const digest = `sha256:${createHash("sha256").update(JSON.stringify(content)).digest("hex")}`;
const artifact = type && {
  path: config.output,
  type,
  digest,
  size_bytes: 1,
  tokenizer_digest: `sha256:${"0".repeat(64)}`,
  vocabulary_size: 1000,
  context_length: run.kind === "ContextExtension" ? 256 : 128,
  parameters: 1000,
  tokens: 100_000,
};
if (type) {
  writeFileSync(`${config.output}/manifest.json`, JSON.stringify({ ...content, digest, run }));
}
if (run.kind === "Corpus") {
  const document = { language: "ja", id: "a", characters: 3, text: "猫だ。" };
  const samples = [
    { ...document, step: "", reason: "" },
    { ...document, step: "rules", reason: "too_few_sentences" },
  ];
  const report = CorpusReport.parse({ lengths: [], scores: [], classifiers: [], samples });
  writeFileSync(`${config.output}/report.json`, JSON.stringify(report));
}
const result = contract.Result.parse({
  reason: "Completed",
  message: "done by the stand-in.",
  metrics: { loss: 1.5 },
  ...(artifact && { artifact }),
  ...("suites" in config && {
    scores: (config.suites as z.output<typeof contract.EvaluateConfig>["suites"]).map(({ name, task }) => ({
      suite: name,
      metric: task === "jsquad" ? "exact_match" : "accuracy",
      value: 0.5,
      low: 0.4,
      high: 0.6,
      count: 10,
    })),
  }),
});
writeFileSync(TANREN_RESULT, JSON.stringify(result));
