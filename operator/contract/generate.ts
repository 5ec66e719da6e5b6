import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { kernelExitCodes } from "../api/reasons.ts";
import * as contract from "./index.ts";

/**
 * Writes kernels/contract/*.schema.json and, from them, the Python models in
 * kernels/tanren_kernels/contract.py.
 */
const schemas = {
  CleanConfig: contract.CleanConfig,
  DeduplicateConfig: contract.DeduplicateConfig,
  TokenizeConfig: contract.TokenizeConfig,
  TrainConfig: contract.TrainConfig,
  GenerateConfig: contract.GenerateConfig,
  JudgeConfig: contract.JudgeConfig,
  EvaluateConfig: contract.EvaluateConfig,
  ServeConfig: contract.ServeConfig,
  Manifest: contract.Manifest,
  Progress: contract.Progress,
  Result: contract.Result,
};

const root = new URL("../../", import.meta.url).pathname;
const folder = `${root}kernels/contract`;
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const definitions: Record<string, unknown> = {};
for (const [name, schema] of Object.entries(schemas)) {
  const json = z.toJSONSchema(schema, { target: "draft-2020-12", io: "output" });
  writeFileSync(`${folder}/${name}.schema.json`, `${JSON.stringify(json, null, 2)}\n`);
  const { $schema: _, $defs, id: __, ...own } = json;
  Object.assign(definitions, $defs, "$ref" in own ? {} : { [name]: own });
}

/** A described reference would become a class of its own in Python: one class per shape is wanted. */
function plainReferences(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(plainReferences);
  if (node === null || typeof node !== "object") return node;
  if ("$ref" in node) return { $ref: node.$ref };
  const { id: _, ...rest } = node as Record<string, unknown>;
  if (rest.maximum === Number.MAX_SAFE_INTEGER) delete rest.maximum;
  return Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, plainReferences(value)]));
}

const python = `${root}kernels/tanren_kernels/contract.py`;
const models = `${folder}/models.json`;
const everything = {
  title: "Contract",
  description: "Every shape that crosses the border between operator and kernels.",
  type: "object",
  properties: Object.fromEntries(Object.keys(schemas).map((name) => [name, { $ref: `#/$defs/${name}` }])),
  $defs: plainReferences(definitions),
};
writeFileSync(models, JSON.stringify(everything));
execFileSync(
  `${root}.venv/bin/datamodel-codegen`,
  [
    ...["--input", models, "--input-file-type", "jsonschema", "--output", python],
    ...["--output-model-type", "pydantic_v2.BaseModel", "--target-python-version", "3.11"],
    ...[
      "--frozen-dataclasses",
      "--enable-faux-immutability",
      "--enum-field-as-literal",
      "all",
      "--use-annotated",
    ],
    ...["--use-schema-description", "--field-constraints", "--disable-timestamp", "--use-union-operator"],
    ...[
      "--use-standard-collections",
      "--use-title-as-name",
      "--collapse-root-models",
      "--formatters",
      "ruff-format",
    ],
    ...[
      "--custom-file-header",
      "# Generated from operator/contract by `make generate`; do not edit.\n# ruff: noqa",
    ],
  ],
  { stdio: ["ignore", "inherit", "inherit"] },
);
rmSync(models);
const codes = Object.entries(kernelExitCodes).map(([reason, code]) => `    "${reason}": ${code},\n`);
appendFileSync(
  python,
  `\n\n# Port of /healthz, /progress and /metrics.\nPROGRAM_PORT = ${contract.programPort}\n` +
    `\n# Figures that a program may say at once.\nMOST_METRICS = ${contract.mostMetrics}\n` +
    `\n# Exit code of each reason.\nEXIT_CODES: dict[str, int] = {\n${codes.join("")}}\n`,
);
