import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidError } from "../cluster/port.ts";
import { Quantity } from "../cluster/quantity.ts";
import { changed, samples } from "../testing/samples.ts";
import { admit } from "./admission.ts";
import { refusals } from "./cel.ts";
import { bytes, cpus } from "./fields.ts";
import { kinds, type TanrenObject } from "./kinds.ts";
import { Compute } from "./parts.ts";
import { type StructuralSchema, structuralSchema } from "./structural-schema.ts";

const metadata = { name: "x", namespace: "default" };
const kindOf = (name: string) => {
  const kind = kinds.find((kind) => kind.resource.kind === name);
  if (!kind) throw new Error(`no kind ${name}`);
  return kind;
};

function causes(kind: string, spec: unknown, old?: unknown): { field: string; message: string }[] {
  try {
    admit(kindOf(kind), { metadata, spec }, old as TanrenObject | undefined);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error;
    return [...error.causes];
  }
}

describe("samples", () => {
  test.each(Object.keys(samples))(
    "%s is admitted, and admitting the defaulted spec changes nothing",
    (kind) => {
      const once = admit(kindOf(kind), { metadata, spec: samples[kind] });
      expect(admit(kindOf(kind), { metadata, spec: once })).toEqual(once);
    },
  );

  test("every kind has one", () => {
    expect(Object.keys(samples).sort()).toEqual(kinds.map((kind) => kind.resource.kind).sort());
  });
});

describe("refusals name the field and the mend", () => {
  const refused: [
    reason: string,
    kind: string,
    changes: Record<string, unknown>,
    field: string,
    message: RegExp,
  ][] = [
    ["unknown field", "PretrainRun", { "training.tokns": 1 }, "spec.training.tokns", /unknown field/],
    ["missing field", "PretrainRun", { corpus: undefined }, "spec.corpus", /required/],
    [
      "number where a decimal string is meant",
      "PretrainRun",
      { "training.learningRate": 0.001 },
      "spec.training.learningRate",
      /in quotes/,
    ],
    [
      "value outside an enum",
      "PretrainRun",
      { "model.preset": "llama-14b" },
      "spec.model.preset",
      /llama-13b/,
    ],
    [
      "two of a one-of",
      "PretrainRun",
      {
        "model.shape": {
          hiddenSize: 64,
          intermediateSize: 128,
          layers: 2,
          attentionHeads: 4,
          keyValueHeads: 4,
        },
      },
      "spec.model",
      /exactly one of preset, shape/,
    ],
    ["none of a one-of", "PretrainRun", { "model.preset": undefined }, "spec.model", /exactly one of/],
    [
      "heads that do not divide",
      "PretrainRun",
      {
        model: {
          shape: { hiddenSize: 64, intermediateSize: 128, layers: 2, attentionHeads: 5, keyValueHeads: 5 },
        },
      },
      "spec.model.shape.attentionHeads",
      /divide hiddenSize/,
    ],
    [
      "batch that is no multiple",
      "PretrainRun",
      { "training.globalBatchTokens": 1000 },
      "spec.training.globalBatchTokens",
      /multiple of sequenceLength/,
    ],
    [
      "fewer tokens than a batch",
      "PretrainRun",
      { "training.tokens": 512 },
      "spec.training.tokens",
      /at least globalBatchTokens/,
    ],
    [
      "accelerator without GPUs",
      "PretrainRun",
      { "compute.accelerator": "a100-80gb" },
      "spec.compute.accelerator",
      /gpusPerNode/,
    ],
    [
      "claim and size",
      "PretrainRun",
      { storage: { claimName: "a", size: "1Gi" } },
      "spec.storage",
      /exactly one of/,
    ],
    [
      "ratios below 100",
      "Corpus",
      { "mixture.ratios": [{ language: "ja", percent: 90 }] },
      "spec.mixture.ratios",
      /sum to 100/,
    ],
    [
      "ratio without a source",
      "Corpus",
      {
        "mixture.ratios": [
          { language: "ja", percent: 50 },
          { language: "en", percent: 50 },
        ],
      },
      "spec.mixture.ratios",
      /needs a source/,
    ],
    [
      "path that leaves the claim",
      "Corpus",
      {
        sources: [
          {
            name: "a",
            language: "ja",
            licence: "x",
            format: "text",
            from: { claimName: "c", path: "a/../../b" },
          },
        ],
      },
      "spec.sources[0].from.path",
      /\.\./,
    ],
    [
      "bands that do not divide",
      "Corpus",
      { "cleaning.deduplication": { minHash: { permutations: 100 } } },
      "spec.cleaning.deduplication.minHash.bands",
      /divide permutations/,
    ],
    [
      "removal rule with both",
      "Corpus",
      { "tokenizer.train.removing": [{ contains: "a", pattern: "b" }] },
      "spec.tokenizer.train.removing[0]",
      /exactly one of/,
    ],
    ["nothing to align", "AlignmentRun", { chat: undefined }, "spec", /at least one of chat and dpo/],
    [
      "dpo without preferences",
      "AlignmentRun",
      { dpo: { training: { globalBatchSize: 8, sequenceLength: 64, learningRate: "1e-5" } } },
      "spec",
      /belong together/,
    ],
    [
      "comparison with itself",
      "ContextExtension",
      { comparisons: ["positionInterpolation"] },
      "spec.comparisons",
      /repeat method/,
    ],
    [
      "threshold without its suite",
      "Evaluation",
      { thresholds: [{ suite: "other", metric: "accuracy", atLeast: "0.5" }] },
      "spec.thresholds",
      /must name a suite/,
    ],
  ];
  test.each(refused)("%s", (_, kind, changes, field, message) => {
    const found = causes(kind, changed(kind, changes));
    expect(
      found.find((cause) => cause.field === field && message.test(cause.message)),
      JSON.stringify(found),
    ).toBeDefined();
  });
});

describe("quantities", () => {
  const told = (field: string, amount: string) =>
    causes("PretrainRun", changed("PretrainRun", { [`compute.resources.${field}`]: amount }));

  test.each(["2Gi", "1.5Gi", "1E", "1Ei", "1e9", "1", "+1Gi", "1000m"])("memory %s is admitted", (amount) => {
    expect(told("memory", amount)).toEqual([]);
  });
  test.each([
    "1m",
    "0",
    "0.5",
    "1.3Gi",
    "8Ei",
    "1e99",
    "9223372036854775808",
    "1e3Gi",
    "-1Gi",
    "1GiB",
    "1e1000",
  ])("memory %s is refused", (amount) => {
    expect(told("memory", amount)).toContainEqual({
      field: "spec.compute.resources.memory",
      message: "must be a whole number of bytes, at least 1 and less than 8Ei, e.g. 512Mi or 2Gi",
    });
  });
  test.each(["1500", "0", "0.0001", "100u", "1Ki1"])("cpu %s is refused", (amount) => {
    expect(told("cpu", amount)).toContainEqual({
      field: "spec.compute.resources.cpu",
      message: "must be at least 1m and at most 1024, e.g. 500m or 4",
    });
  });
  test.each(["1m", "0.5", "1024", "1e3", "1Ki", "2.5"])("cpu %s is admitted", (amount) => {
    expect(told("cpu", amount)).toEqual([]);
  });

  test("the double that the API server's CEL has of an amount leads to the same verdict", () => {
    const lines = readFileSync(new URL("../testing/quantity-readings.jsonl", import.meta.url), "utf8").trim();
    const readings = lines.split("\n").map((line) => JSON.parse(line) as { text: string; float: number });
    const read = readings.filter(({ text }) => Quantity.parse(text) !== undefined);
    const differing = read.filter(({ text, float }) => {
      const isWhole = Math.abs(Math.trunc(float + 0.5) - float) <= float * 1e-15;
      return (float >= 1 && float < 2 ** 63 && isWhole) !== bytes().safeParse(text).success;
    });
    expect(read.length).toBeGreaterThan(500);
    expect(differing).toEqual([]);
  });

  test("CEL of the CRD and zod say the same of whatever looks like a quantity", () => {
    const { properties } = structuralSchema(Compute.shape.resources.unwrap());
    const spelt = fc.stringMatching(
      /^[0-9]{0,4}(\.[0-9]{0,4})?([numkMGTPE]|[KMGTPE]i|[eE][-+]?[0-9]{1,2})?$/,
    );
    for (const [field, zod] of [
      ["memory", bytes()],
      ["cpu", cpus()],
    ] as const) {
      const schema = properties?.[field];
      if (schema?.pattern === undefined) throw new Error(`${field} has no pattern`);
      const pattern = new RegExp(schema.pattern);
      fc.assert(
        fc.property(spelt, (amount) => {
          const byCrd = pattern.test(amount) && refusals(schema, amount, undefined, "").length === 0;
          expect(byCrd).toBe(zod.safeParse(amount).success);
        }),
        { numRuns: 500 },
      );
    }
  });
});

describe("a started run", () => {
  const started = (kind: string) => ({
    metadata,
    spec: admit(kindOf(kind), { metadata, spec: samples[kind] }),
    status: { startTime: "2026-01-01T00:00:00Z" },
  });

  test("refuses a change of what it is made of", () => {
    const found = causes(
      "PretrainRun",
      changed("PretrainRun", { "training.learningRate": "2e-3" }),
      started("PretrainRun"),
    );
    expect(found).toEqual([
      { field: "spec.training", message: expect.stringMatching(/^spec\.training cannot change once/) },
    ]);
  });

  test.each([{ suspend: true }, { "failurePolicy.maxRestarts": 9 }, { ttlSecondsAfterFinished: 60 }])(
    "allows %o",
    (changes) => {
      expect(causes("PretrainRun", changed("PretrainRun", changes), started("PretrainRun"))).toEqual([]);
    },
  );

  test("may change freely before it has started, and a deployment always", () => {
    const fresh = { ...started("PretrainRun"), status: {} };
    expect(causes("PretrainRun", changed("PretrainRun", { sequenceLength: 256 }), fresh)).toEqual([]);
    expect(
      causes(
        "InferenceDeployment",
        changed("InferenceDeployment", { replicas: 3 }),
        started("InferenceDeployment"),
      ),
    ).toEqual([]);
  });
});

/** Values that a structural schema allows, CEL rules of objects aside. */
function arbitrary(schema: StructuralSchema): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema["x-kubernetes-int-or-string"])
    return fc.oneof(
      arbitrary({ ...schema, "x-kubernetes-int-or-string": false, type: "integer" }),
      arbitrary({ ...schema, "x-kubernetes-int-or-string": false, type: "string" }),
    );
  if (schema.type === "boolean") return fc.boolean();
  if (schema.type === "integer")
    return fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 100, 2 ** 31 - 1) });
  if (schema.type === "string")
    return schema.pattern
      ? fc
          .stringMatching(new RegExp(schema.pattern))
          .filter((text) => text.length <= (schema.maxLength ?? 10))
          .filter((text) => refusals(schema, text, undefined, "").length === 0)
      : fc.string({ minLength: 1, maxLength: 8 });
  const { "x-kubernetes-list-map-keys": keys = [] } = schema;
  if (schema.items)
    return fc.uniqueArray(arbitrary(schema.items), {
      minLength: schema.minItems ?? 0,
      maxLength: Math.min(schema.maxItems ?? 2, 2),
      // Of a list that is a map every key occurs once; of others everything differs.
      selector: (item) =>
        keys.length === 0 ? {} : keys.map((key) => (item as Record<string, unknown>)[key]).join(),
    });
  if (schema.properties) {
    const required = new Set(schema.required ?? []);
    const fields = Object.entries(schema.properties).map(
      ([name, field]) => [name, arbitrary(field)] as const,
    );
    return fc.record(Object.fromEntries(fields), { requiredKeys: [...required] });
  }
  return fc.constant({});
}

describe("the generated schema and zod say the same", () => {
  test.each(kinds.map((kind) => [kind.resource.kind, kind] as const))(
    "%s: what the CRD allows, zod parses",
    (_, kind) => {
      fc.assert(
        fc.property(arbitrary(structuralSchema(kind.spec)), (spec) => {
          const parsed = kind.spec.safeParse(spec);
          const paths = parsed.success ? [] : parsed.error.issues.map((issue) => issue.message);
          expect(paths).toEqual([]);
        }),
        { numRuns: 60 },
      );
    },
  );
});
