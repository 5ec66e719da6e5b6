import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Manifest, small, World } from "./world.ts";

/**
 * What is wrong is said in one sentence with an exit code, and nothing is lost. Cases are data; kernels are
 * the real ones.
 */

const world = new World();

beforeAll(async () => {
  const corpus = world.write("web", [world.claim("files", "files"), small.corpus()]);
  const made = await world.tanren("run", "-f", corpus, "--until", "complete");
  expect(made.code, made.errors + made.output).toBe(0);
}, 120_000);
afterAll(() => world.close());

interface Refused {
  title: string;
  manifests: Manifest[];
  words: RegExp;
}

const refused: Refused[] = [
  {
    title: "an unknown field",
    manifests: [small.pretrain("typo", { trainning: {} })],
    words: /PretrainRun.*typo.*spec\.trainning: unknown field/s,
  },
  {
    title: "a claim that is nowhere",
    manifests: [small.pretrain("homeless", { storage: { claimName: "nowhere" } })],
    words: /homeless: spec.storage.claimName: InputNotFound: PersistentVolumeClaim nowhere /,
  },
  {
    title: "a file that is nowhere",
    manifests: [
      small.corpus("fileless", {
        cleaning: {
          stages: [
            {
              name: "learned",
              classifier: {
                clean: { claimName: "files", path: "klean.jsonl" },
                dirty: { claimName: "files", path: "dirty.jsonl" },
              },
            },
          ],
        },
      }),
    ],
    words:
      /fileless: spec.cleaning.stages\[0\].classifier.clean.path: InvalidData: .*klean.jsonl does not exist;/,
  },
  {
    title: "references in a circle",
    manifests: [
      small.align("hen", { model: { alignmentRun: { name: "egg" } } }),
      small.align("egg", { model: { alignmentRun: { name: "hen" } } }),
    ],
    words: /CyclicReference.*hen -> .*egg -> .*hen/,
  },
  {
    title: "a model that does not fit the memory limit",
    manifests: [small.pretrain("large", { model: { preset: "llama-1b" } })],
    words: /large.*memory/s,
  },
  {
    title: "a corpus with another tokenizer than the model's",
    manifests: [
      small.corpus("other", { tokenizer: { train: { vocabularySize: 500, trainingBytes: 200_000 } } }),
      small.pretrain("base"),
      small.extend("mixed", { corpus: { name: "other" } }),
    ],
    words: /ContextExtension\/mixed: TokenizerMismatch/,
  },
  {
    title: "a change of a run that has started",
    manifests: [small.corpus("web", { seed: 7 })],
    words: /web.*seed cannot change once the run has started/s,
  },
];

describe("refused before anything starts, with exit code 3", () => {
  test.each(refused)(
    "$title",
    async ({ title, manifests, words }) => {
      const file = world.write(title.replaceAll(" ", "-"), manifests);
      const ended = await world.tanren("run", "-f", file, "--until", "complete");
      expect(ended.errors).toMatch(words);
      expect(ended.code).toBe(3);
      expect(ended.errors).not.toMatch(/\n\s+at /);
    },
    60_000,
  );
});

test("what refers to an object that is nowhere is told at once, and waits as long as nothing else moves", async () => {
  const file = world.write("orphan", [small.pretrain("orphan", { corpus: { name: "nowhere" } })]);
  const ended = await world.tanren("run", "-f", file, "--until", "complete");
  expect(ended.errors).toMatch(
    /^warning: .*PretrainRun\/orphan: spec.corpus: InputNotFound: Corpus nowhere /,
  );
  expect(ended.code).toBe(1);
}, 60_000);

interface Failing {
  title: string;
  manifests: () => Manifest[];
  object: [kind: string, name: string];
  reason: string;
  words: RegExp;
}

const failing: Failing[] = [
  {
    title: "ratios that the documents cannot meet",
    manifests: () => [
      small.corpus("skewed", {
        mixture: {
          tokens: 50_000_000,
          ratios: [
            { language: "ja", percent: 50 },
            { language: "code", percent: 50 },
          ],
        },
      }),
    ],
    object: ["corpus", "skewed"],
    reason: "RatiosNotMet",
    words: /tokens/,
  },
  {
    title: "rules that leave no document",
    manifests: () => [
      small.corpus("empty", { cleaning: { stages: [{ name: "rules", rules: { minCharacters: 900_000 } }] } }),
    ],
    object: ["corpus", "empty"],
    reason: "NoDocumentsLeft",
    words: /document/,
  },
  {
    title: "a loss that is no number",
    manifests: () => [
      small.pretrain("wild", {
        training: {
          learningRate: "1e30",
          precision: "float32",
          tokens: 64 * 8 * 20,
          globalBatchTokens: 64 * 8,
          maxGradNorm: "1e30",
        },
      }),
    ],
    object: ["pretrainrun", "wild"],
    reason: "NumericsDiverged",
    words: /step \d+/,
  },
  {
    title: "documents that are too short for the context",
    manifests: () => [
      small.pretrain("base"),
      small.extend("endless", {
        contextLength: 65_536,
        training: { learningRate: "1e-4", tokens: 65_536, globalBatchTokens: 65_536 },
      }),
    ],
    object: ["contextextension", "endless"],
    reason: "NoLongDocuments",
    words: /65,?536/,
  },
];

describe("failed with a reason in condition and Event, with exit code 1", () => {
  test.each(failing)(
    "$title",
    async ({ title, manifests, object: [kind, name], reason, words }) => {
      const file = world.write(title.replaceAll(" ", "-"), manifests());
      const ended = await world.tanren("run", "-f", file, "--until", `${kind}/${name}`);
      expect(ended.code, ended.errors + ended.output).toBe(1);
      const condition = await world.condition(kind, name, "Succeeded");
      expect(condition).toMatchObject({ status: "False", reason });
      expect(condition?.message).toMatch(words);
      const described = await world.tanren("describe", kind, name, "--only", "events");
      expect(described.output).toContain(reason);
    },
    120_000,
  );
});

test("of a Corpus that dropped everything one sees where it went, and what", async () => {
  const rules = [{ name: "strict", rules: { minCharacters: 900_000 } }];
  const file = world.write("nothing", [small.corpus("nothing", { cleaning: { stages: rules } })]);
  const ended = await world.tanren("run", "-f", file, "--until", "corpus/nothing");
  expect(ended.code, ended.errors + ended.output).toBe(1);
  const { status } = await world.get("corpus", "nothing");
  const funnel = status?.funnel as { step: string; dropped: Record<string, number> }[];
  const dropped = funnel.filter(({ step }) => step === "strict");
  expect(dropped.length).toBeGreaterThan(0);
  for (const row of dropped) expect(row.dropped.too_short).toBeGreaterThan(0);
  const sample = await world.tanren(
    "corpus",
    "sample",
    "nothing",
    "--dropped-by",
    "too_short",
    "--number",
    "1",
  );
  expect(sample.output).toMatch(/^== .+ \(strict: too_short, \w+, \d+ characters\)\n[\s\S]+/);
  const kept = await world.tanren("corpus", "sample", "nothing");
  expect([kept.code, kept.errors]).toEqual([4, expect.stringContaining("tanren: no document stayed\n")]);
}, 120_000);

test("damaged and truncated archive records are counted and skipped", async () => {
  const sentence = "この文書は、壊れた記録の前後にある記録が失われないことを確かめるための文章です。";
  const page = (n: number) =>
    `<html><body><p>${Array.from({ length: 12 }, (_, i) => `${n}の${i}。${sentence}`).join("</p><p>")}</p></body></html>`;
  const record = (n: number) => {
    const http = `HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n${page(n)}`;
    const head = [
      "WARC/1.0",
      "WARC-Type: response",
      `WARC-Target-URI: https://a.example/${n}`,
      "WARC-Date: 2026-01-01T00:00:00Z",
      `WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-00000000000${n}>`,
      "Content-Type: application/http; msgtype=response",
      `Content-Length: ${Buffer.byteLength(http)}`,
    ];
    return gzipSync(`${head.join("\r\n")}\r\n\r\n${http}\r\n\r\n`);
  };
  const members = [1, 2, 3, 4, 5, 6].map(record);
  members[2]?.fill(0xff, 60, 120);
  const last = members[5] ?? Buffer.alloc(0);
  members[5] = last.subarray(0, last.length / 2);
  mkdirSync(join(world.root, "archive"));
  writeFileSync(join(world.root, "archive/crawl.warc.gz"), Buffer.concat(members));

  const file = world.write("archive", [
    world.claim("archive", "archive"),
    small.corpus("archive", {
      sources: [
        {
          name: "crawl",
          language: "ja",
          licence: "Apache-2.0",
          format: "warc",
          from: { claimName: "archive" },
          include: ["*.warc.gz"],
        },
      ],
      cleaning: { deduplication: { exact: true } },
      mixture: { ratios: [{ language: "ja", percent: 100 }] },
      heldOutShare: "0.3",
    }),
  ]);
  const ended = await world.tanren("run", "-f", file, "--until", "corpus/archive");
  const { status } = await world.get("corpus", "archive");
  expect(ended.code, ended.errors + ended.output).toBe(0);
  const funnel = status?.funnel as { step: string; documentsOut: number; dropped: Record<string, number> }[];
  const dropped = funnel
    .flatMap((row) => Object.entries(row.dropped))
    .filter(([, documents]) => documents > 0);
  expect(
    dropped.some(([why]) => /corrupt|truncated|damaged/.test(why)),
    JSON.stringify(funnel),
  ).toBe(true);
  expect(Math.max(...funnel.map((row) => row.documentsOut))).toBeGreaterThanOrEqual(3);
}, 120_000);

test("a changed file of an artifact is found before it is used", async () => {
  const file = world.write("copy", [small.corpus("victim")]);
  expect((await world.tanren("run", "-f", file, "--until", "corpus/victim")).code).toBe(0);
  const { status } = await world.get("corpus", "victim");
  const artifact = status?.artifact as { claimName: string; path: string };
  const shard = join(world.state, "claims/default", artifact.claimName, artifact.path, "train/00000.bin");
  const bytes = readFileSync(shard);
  bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
  writeFileSync(shard, bytes);
  const train = world.write("on-victim", [small.pretrain("on-victim", { corpus: { name: "victim" } })]);
  const ended = await world.tanren("run", "-f", train, "--until", "pretrainrun/on-victim");
  expect(ended.code).toBe(1);
  const condition = await world.condition("pretrainrun", "on-victim", "Succeeded");
  expect(condition).toMatchObject({ status: "False", reason: "ArtifactDamaged" });
  expect(condition?.message).toMatch(/00000\.bin/);
}, 120_000);

test("a port in use ends the command with what to do, and the endpoint comes when it is free", async () => {
  const server: Server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : 0);
    }),
  );
  const file = world.write("serve", [
    small.pretrain("base"),
    small.serve("base", { model: { pretrainRun: { name: "base" } }, port }),
  ]);
  const run = () => world.tanren("run", "-f", file, "--until", "complete", "--timeout", "90s");
  try {
    const blocked = await run();
    expect(blocked.code, blocked.errors + blocked.output).toBe(1);
    expect(blocked.errors).toMatch(
      new RegExp(`InferenceDeployment/base: PortInUse: port ${port} .*; free it or choose another spec.port`),
    );
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  // What the first operator left in status does not end the second command before its operator has looked.
  const ended = await run();
  expect(ended.code, ended.errors + ended.output).toBe(0);
}, 240_000);
