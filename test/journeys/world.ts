import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";

/** A state directory with real text on its claims, worked on by the command as a person would. */

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: Record<string, unknown> & { name: string };
  [field: string]: unknown;
}

export interface Ended {
  code: number | null;
  output: string;
  errors: string;
}

interface Started {
  ended: Promise<Ended>;
  pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Standard output so far. */
  said(): string;
}

interface Standing {
  status?: {
    conditions?: { type: string; status: string; reason: string; message: string }[];
    [field: string]: unknown;
  };
}

const repository = new URL("../../", import.meta.url).pathname;

export class World {
  readonly root = mkdtempSync(join(tmpdir(), "tanren-journey-"));
  readonly state = join(this.root, "state");
  readonly #running = new Set<() => void>();

  constructor() {
    const files = join(this.root, "files");
    cpSync(join(repository, "examples/quickstart/data"), files, { recursive: true });
    // Programs are real text with long documents; any will do, so the kernels' own are taken.
    cpSync(join(repository, "kernels/tanren_kernels"), join(files, "code"), {
      recursive: true,
      filter: (path) => !path.includes("__pycache__"),
    });
  }

  /** A claim that is a directory of this world. */
  claim(name: string, directory: string): Manifest {
    return {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name, annotations: { "local.tanren.dev/path": join(this.root, directory) } },
      spec: { accessModes: ["ReadWriteMany"], resources: { requests: { storage: "1Gi" } } },
    };
  }

  /** Writes manifests to a file of this world and returns its path. */
  write(name: string, manifests: Manifest[]): string {
    const file = join(this.root, `${name}.yaml`);
    writeFileSync(file, manifests.map((manifest) => stringify(manifest)).join("---\n"));
    return file;
  }

  /** Runs `tanren` to its end. */
  tanren(...args: string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  start(...args: string[]): Started {
    const child = spawn(join(repository, "bin/tanren"), [...args, "--state", this.state], { cwd: this.root });
    const kill = (signal: NodeJS.Signals) => void child.kill(signal);
    const give = () => kill("SIGKILL");
    this.#running.add(give);
    let [output, errors] = ["", ""];
    child.stdout.on("data", (chunk) => {
      output += String(chunk);
    });
    child.stderr.on("data", (chunk) => {
      errors += String(chunk);
    });
    const ended = new Promise<Ended>((resolve) =>
      child.on("close", (code) => {
        this.#running.delete(give);
        resolve({ code, output, errors });
      }),
    );
    return { ended, pid: child.pid ?? 0, kill, said: () => output };
  }

  async get(kind: string, name: string): Promise<Standing> {
    const { output, errors } = await this.tanren("get", kind, name, "-o", "json");
    if (output === "") throw new Error(errors);
    return JSON.parse(output) as Standing;
  }

  async condition(kind: string, name: string, type: string) {
    return (await this.get(kind, name)).status?.conditions?.find((condition) => condition.type === type);
  }

  async close(): Promise<void> {
    for (const kill of this.#running) kill();
    await this.tanren("stop");
    rmSync(this.root, { recursive: true, force: true });
  }
}

const meta = (name: string) => ({ name });
const tanrenObject = (kind: string, name: string, spec: Record<string, unknown>): Manifest => ({
  apiVersion: "tanren.dev/v1alpha1",
  kind,
  metadata: meta(name),
  spec,
});

const compute = { resources: { cpu: "1", memory: "2Gi" } };
const fromFiles = (path: string) => ({ claimName: "files", path });
const training = {
  learningRate: "3e-3",
  warmupSteps: 2,
  microBatchSize: 4,
  evaluateEverySteps: 10,
  precision: "float32",
};

/** Small manifests of every kind over the files of a world; `changes` are merged into spec. */
export const small = {
  corpus: (name = "web", changes: Record<string, unknown> = {}) =>
    tanrenObject("Corpus", name, {
      sources: [
        {
          name: "terms",
          language: "ja",
          licence: "Apache-2.0",
          format: "jsonl",
          from: fromFiles("."),
          include: ["clean.jsonl"],
        },
        {
          name: "programs",
          language: "code",
          licence: "Apache-2.0",
          format: "code",
          from: fromFiles("code"),
          include: ["*.py"],
        },
      ],
      mixture: {
        ratios: [
          { language: "ja", percent: 5 },
          { language: "code", percent: 95 },
        ],
      },
      tokenizer: { train: { vocabularySize: 600, trainingBytes: 200_000 } },
      heldOutShare: "0.2",
      tasks: 2,
      compute,
      ...changes,
    }),
  pretrain: (name = "base", changes: Record<string, unknown> = {}) =>
    tanrenObject("PretrainRun", name, {
      corpus: { name: "web" },
      model: { preset: "llama-tiny" },
      sequenceLength: 64,
      training: { ...training, tokens: 64 * 8 * 20, globalBatchTokens: 64 * 8 },
      checkpoints: { everySteps: 5 },
      compute,
      ...changes,
    }),
  extend: (name = "long", changes: Record<string, unknown> = {}) =>
    tanrenObject("ContextExtension", name, {
      model: { pretrainRun: { name: "base" } },
      corpus: { name: "web" },
      contextLength: 128,
      comparisons: ["none"],
      training: { ...training, tokens: 128 * 8 * 6, globalBatchTokens: 128 * 8 },
      measurement: { documents: 4 },
      compute,
      ...changes,
    }),
  align: (name = "assistant", changes: Record<string, unknown> = {}) =>
    tanrenObject("AlignmentRun", name, {
      model: { contextExtension: { name: "long" } },
      chat: {
        datasets: [{ name: "terms", ...fromFiles("conversations.jsonl") }],
        training: { ...training, globalBatchSize: 32, sequenceLength: 128 },
      },
      preferences: {
        generate: {
          prompts: fromFiles("few-prompts.jsonl"),
          samples: 4,
          maxNewTokens: 16,
          judge: { requireEnding: false, sameScript: false, maxRepetition: "1", minMargin: "0" },
        },
      },
      dpo: { training: { ...training, learningRate: "1e-4", globalBatchSize: 4, sequenceLength: 128 } },
      compute,
      ...changes,
    }),
  evaluate: (name = "gate", changes: Record<string, unknown> = {}) =>
    tanrenObject("Evaluation", name, {
      model: { alignmentRun: { name: "assistant" } },
      suites: [
        { name: "jsquad", task: "jsquad", data: fromFiles("jsquad.json"), shots: 1, limit: 4 },
        {
          name: "commonsense",
          task: "jcommonsenseqa",
          data: fromFiles("jcommonsenseqa.jsonl"),
          shots: 1,
          limit: 4,
        },
      ],
      thresholds: [{ suite: "commonsense", metric: "accuracy", atLeast: "0" }],
      compute,
      ...changes,
    }),
  serve: (name = "assistant", changes: Record<string, unknown> = {}) =>
    tanrenObject("InferenceDeployment", name, {
      model: { alignmentRun: { name: "assistant" } },
      precision: "float32",
      compute: { resources: { cpu: "1", memory: "1Gi" } },
      ...changes,
    }),
};
