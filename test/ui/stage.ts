import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseKind } from "../../operator/cli/kinds.ts";
import { localTarget } from "../../operator/cli/target/local.ts";
import { customResources } from "../../operator/cli/target/local-operator.ts";
import { serveOwn } from "../../operator/cli/viewing/serve.ts";
import { LocalCluster } from "../../operator/cluster/local/index.ts";
import { digestOf } from "../../operator/testing/example-kinds.ts";
import { samples } from "../../operator/testing/samples.ts";
import { documentsReport, hostile } from "./documents-report.ts";

/** A chain in every state, as an operator would have left it, and the page served beside it as `tanren ui` does. */

export { hostile } from "./documents-report.ts";

const built = new URL("../../ui/dist/", import.meta.url).pathname;

/** The page as `make ui` left it. */
export function builtPage(): Map<string, Buffer> {
  const files = readdirSync(built, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [relative(built, path), readFileSync(path)];
    }),
  );
}

const time = "2026-01-01T00:00:00Z";
type Status = Record<string, unknown>;

const condition = (type: string, status: string, reason: string, message: string) => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: time,
});

const artifact = (type: string, name: string, stage: string) => ({
  ...{ type, stage, claimName: "models", path: `runs/${name}/${stage}`, digest: digestOf(name) },
  ...{ sizeBytes: 1_000_000, parents: [], parameters: 1_700_000, contextLength: 128, tokens: 1_000_000 },
});

const succeeded = (type: string, name: string, stage: string): Status => ({
  ...{ startTime: time, completionTime: "2026-01-01T00:10:00Z", artifact: artifact(type, name, stage) },
  conditions: [condition("Succeeded", "True", "Completed", "3/3 stages completed")],
  storage: { claimName: "models", directory: `runs/${name}` },
  stages: [{ name: stage, state: "Succeeded", startTime: time, completionTime: "2026-01-01T00:10:00Z" }],
});

const running: Status = {
  startTime: time,
  conditions: [condition("Succeeded", "Unknown", "Running", "running stage train (1/2)")],
  storage: { claimName: "models", directory: "runs/long" },
  stages: [
    { name: "train", state: "Running", startTime: time },
    { name: "measure", state: "Pending", startTime: time },
  ],
  progress: {
    ...{ stage: "train", percent: "40%", step: 400, total: 1000, unit: "steps" },
    metrics: [{ name: "loss", value: "2.5" }],
  },
};

const funnelRow = (step: string, documentsIn: number, dropped: Record<string, number>) => {
  const documentsOut = documentsIn - Object.values(dropped).reduce((sum, count) => sum + count, 0);
  const sizes = { bytesIn: documentsIn * 2000, bytesOut: documentsOut * 2000 };
  return { step, language: "ja", documentsIn, documentsOut, ...sizes, dropped };
};
const funnel = [
  funnelRow("extraction", 1000, { no_text: 20 }),
  funnelRow("rules", 980, { too_short: 200, too_few_sentences: 80 }),
  funnelRow("learned", 700, { classified_dirty: 60 }),
  funnelRow("min_hash", 640, { near_duplicate: 40 }),
];

const failed = (message: string): Status => ({
  startTime: time,
  conditions: [condition("Succeeded", "False", "NumericsDiverged", message)],
});

export class Stage {
  readonly directory = mkdtempSync(join(tmpdir(), "tanren-ui-"));
  #cluster: LocalCluster | undefined;
  #server: { port: number; close(): Promise<void> } | undefined;
  #endpoint: Server | undefined;
  #endpointPort = 0;

  async open(): Promise<void> {
    await this.startOperator();
    this.#endpoint = createServer(answerChat);
    await new Promise<void>((resolve) => this.#endpoint?.listen(0, "127.0.0.1", resolve));
    this.#endpointPort = (this.#endpoint.address() as AddressInfo).port;
  }

  async startOperator(): Promise<void> {
    this.#cluster = await LocalCluster.open({
      stateDirectory: this.directory,
      customResources,
      report: () => {},
    });
  }

  async stopOperator(): Promise<void> {
    await this.#cluster?.stop({ pods: "keep" });
    this.#cluster = undefined;
  }

  /** The address that a person opens. */
  async serve(): Promise<string> {
    const target = localTarget(this.directory, (words) => `"tanren ${words}"`);
    const { server, address } = await serveOwn(target, builtPage(), 0);
    this.#server = server;
    return address;
  }

  async make(kind: string, name: string, status: Status, changes: object = {}): Promise<void> {
    const { resource } = parseKind(kind);
    const cluster = this.#cluster;
    if (cluster === undefined) throw new Error("no operator runs");
    const object = await cluster.apply(resource, {
      ...{ apiVersion: resource.apiVersion, kind, metadata: { name, namespace: "default" } },
      spec: { ...samples[kind], ...changes },
    });
    // Of what no operator has seen yet the page says so, whatever else stands there.
    const seen = Object.keys(status).length > 0 && { observedGeneration: object.metadata.generation };
    const conditions = (status.conditions as object[] | undefined)?.map((one) => ({ ...one, ...seen }));
    const told = { ...status, ...seen, ...(conditions && { conditions }) };
    await cluster.updateStatus(resource, { ...object, status: told } as typeof object);
  }

  async makeChain(): Promise<void> {
    const url = `http://127.0.0.1:${this.#endpointPort}`;
    await this.make("Corpus", "manuals", { ...succeeded("corpus", "manuals", "tokenize"), funnel });
    await this.make("PretrainRun", "base", succeeded("model", "base", "train"), {
      corpus: { name: "manuals" },
    });
    await this.make("ContextExtension", "long", running, { model: { pretrainRun: { name: "base" } } });
    await this.make("PretrainRun", "bad", failed(`loss is NaN ${hostile}`));
    await this.make("AlignmentRun", "assistant", succeeded("model", "assistant", "dpo"));
    await this.make("Evaluation", "gate", {
      ...succeeded("evaluation", "gate", "evaluate"),
      scores: [{ suite: "jsquad", metric: "exact_match", value: "0.5", low: "0.4", high: "0.6", count: 100 }],
    });
    await this.make(
      "InferenceDeployment",
      "chat",
      {
        ...{ url, replicas: 1, readyReplicas: 1 },
        conditions: [condition("Ready", "True", "Available", "all replicas are ready with the wanted model")],
      },
      { model: { alignmentRun: { name: "assistant" } } },
    );
    this.#write("runs/base/train/metrics.jsonl", curve(2_000));
    this.#write("runs/long/measure/losses.jsonl", losses);
    this.#write("runs/long/measure/report.json", [measurement]);
    this.#write("runs/gate/evaluate/results.jsonl", [
      { suite: "jsquad", id: "1", answer: hostile, score: 1 },
    ]);
    this.#write("runs/manuals/tokenize/report.json", [documentsReport]);
    this.#write("runs/manuals/tokenize/removed-tokens.jsonl", [{ id: 1, token: hostile }]);
  }

  #write(path: string, rows: readonly object[]): void {
    const file = join(this.directory, "claims/default/models", path);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  }

  async close(): Promise<void> {
    await this.#server?.close();
    await this.stopOperator();
    this.#endpoint?.closeAllConnections();
    this.#endpoint?.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const curve = (steps: number) =>
  Array.from({ length: steps }, (_, index) => ({
    ...{ step: index + 1, loss: 3 + 4 / (index + 1), grad_norm: 1, lr: 1e-3, tokens_per_second: 2000 },
    ...{ tokens: (index + 1) * 1024, seconds: index / 2, held_out_loss: 3.1 + 4 / (index + 1) },
  }));

/** As an earlier measurement of the same run left it. */
const measurement = {
  ...{ context_length: 512, original_context_length: 128, documents: 2 },
  passkey: Object.fromEntries(
    ["base", "positionInterpolation"].map((label, model) => [
      label,
      {
        ...{ trials: 36, accuracy: 0.5 },
        places: [128, 256, 512].flatMap((length, column) =>
          [0.1, 0.5, 0.9].map((depth, row) => ({ length, depth, found: (column + row * model) % 5, of: 4 })),
        ),
      },
    ]),
  ),
};
const losses = ["base", "positionInterpolation"].flatMap((label, model) =>
  [0, 1].flatMap((document) =>
    [1, 16, 128, 256].map((from, bin) => ({
      ...{ label, document, language: "ja", from, to: 2 * from },
      loss: 4 - bin / 4 + document / 5 - model / 10,
    })),
  ),
);

/** An endpoint whose model says what would hurt where it was taken for HTML. */
const answerChat: Parameters<typeof createServer>[1] = (request, response) => {
  if (request.url === "/v1/models") return void response.end(JSON.stringify({ data: [{ id: "chat" }] }));
  if (request.url !== "/v1/chat/completions") return void response.writeHead(404).end("{}");
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const content of ["**Hello** ", hostile, ` [a](javascript:document.title='hit') ![b](x)`])
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`);
  response.end("data: [DONE]\n\n");
};
