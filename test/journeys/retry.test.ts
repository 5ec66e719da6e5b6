import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Manifest, small, World } from "./world.ts";

/** Ways back after a failure, with real kernels: what was done stays done, and the bits are the same. */

const world = new World();
const patience = 240_000;

const steps = 600;
const lasting = (name: string, changes: Record<string, unknown> = {}): Manifest =>
  small.pretrain(name, {
    training: {
      learningRate: "3e-3",
      precision: "float32",
      microBatchSize: 4,
      tokens: 64 * 8 * steps,
      globalBatchTokens: 64 * 8,
    },
    storage: { claimName: "runs" },
    checkpoints: { everySteps: 50 },
    ...changes,
  });

interface Status {
  artifact?: { digest: string };
  attempts?: { stage: string; number: number; reason?: string; resumedFromStep?: number }[];
  storage?: { directory: string };
}

async function statusOf(kind: string, name: string): Promise<Status> {
  return ((await world.get(kind, name)).status ?? {}) as Status;
}

async function succeeds(name: string, ...manifests: Manifest[]): Promise<string> {
  const ended = await world.tanren("run", "-f", world.write(name, manifests), "--until", "complete");
  expect(ended.code, ended.errors + ended.output).toBe(0);
  return ended.output;
}

/** The run is under way, and has saved a state. */
async function withCheckpoint(name: string, manifest: Manifest) {
  const taken = await world.tanren("run", "-f", world.write(name, [manifest]), "--detach");
  expect(taken.code, taken.errors).toBe(0);
  const runs = join(world.root, "runs/pretrainruns");
  const saved = () =>
    existsSync(runs) &&
    readdirSync(runs, { recursive: true }).some((path) =>
      new RegExp(`^${name}-[^/]+/.*step-\\d+/complete\\.json$`).test(String(path)),
    );
  for (const end = Date.now() + 90_000; !saved(); ) {
    if (Date.now() > end) throw new Error(`${name} saved no checkpoint in 90 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

let undisturbed = "";
beforeAll(async () => {
  mkdirSync(join(world.root, "runs"));
  await succeeds("web", world.claim("files", "files"), world.claim("runs", "runs"), small.corpus());
  await succeeds("undisturbed", lasting("undisturbed"));
  undisturbed = (await statusOf("pretrainrun", "undisturbed")).artifact?.digest ?? "";
  expect(undisturbed).toMatch(/^sha256:/);
}, patience);
afterAll(() => world.close());

test(
  "a deadline that passed is raised, and a retry ends in the bits of an undisturbed run",
  async () => {
    await withCheckpoint("late", lasting("late"));
    // It takes effect on the run that is under way.
    const hurried = world.write("hurried", [lasting("late", { activeDeadlineSeconds: 1 })]);
    const ended = await world.tanren("run", "-f", hurried, "--until", "complete");
    expect(ended.code, ended.errors).toBe(1);
    expect(ended.errors).toContain("DeadlineExceeded");
    // A finished run takes the change, and waiting for it ends although the generations are written apart.
    const raised = world.write("raised", [lasting("late", { activeDeadlineSeconds: 3600 })]);
    expect((await world.tanren("run", "-f", raised, "--until", "complete", "--timeout", "60s")).code).toBe(1);
    await succeeds("retried", lasting("late", { activeDeadlineSeconds: 3600, retry: 1 }));
    const { artifact, attempts } = await statusOf("pretrainrun", "late");
    expect(artifact?.digest).toBe(undisturbed);
    expect(attempts).toMatchObject([
      { number: 1, reason: "DeadlineExceeded" },
      { number: 2, reason: "StageCompleted" },
    ]);
    expect(attempts?.[1]?.resumedFromStep).toBeGreaterThan(0);
  },
  patience,
);

test(
  "a deleted run leaves its directory, and a run that adopts it continues to the same bits",
  async () => {
    await withCheckpoint("left", lasting("left"));
    const { storage } = await statusOf("pretrainrun", "left");
    const directory = storage?.directory ?? "";
    expect(directory).toMatch(/^pretrainruns\/left-[0-9a-f]{8}$/);
    const heir = (adopt: string) => lasting("heir", { storage: { claimName: "runs", adopt } });
    const deleted = await world.tanren("delete", "pretrainrun", "left");
    expect(deleted.code, deleted.errors).toBe(0);
    expect(deleted.output).toContain(`spec.storage.adopt: ${directory}`);
    await succeeds("heir", heir(directory));
    const { artifact, attempts } = await statusOf("pretrainrun", "heir");
    expect(artifact?.digest).toBe(undisturbed);
    expect(attempts?.[0]?.resumedFromStep).toBeGreaterThan(0);
  },
  patience,
);

test(
  "a directory that is not there is not adopted",
  async () => {
    const adopt = "pretrainruns/left-00000000";
    const run = lasting("misspelt", { storage: { claimName: "runs", adopt } });
    const ended = await world.tanren("run", "-f", world.write("misspelt", [run]), "--until", "complete");
    expect(ended.code).toBe(1);
    expect(ended.errors).toMatch(
      /InvalidConfig: the directory that spec\.storage\.adopt names holds nothing/,
    );
  },
  patience,
);

test(
  "a data file is mended, and a retry repeats the stage that failed alone",
  async () => {
    const pair = (chosen: string, rejected: string) =>
      JSON.stringify({ prompt: [{ role: "user", content: `Reply to ${chosen}` }], chosen, rejected });
    const pairs = Array.from({ length: 12 }, (_, n) => pair(`yes ${n}`, `no ${n}`));
    const file = join(world.root, "files/pairs.jsonl");
    writeFileSync(file, `${[...pairs, '{"prompt": 7}'].join("\n")}\n`);
    // Within the context of the base model.
    const usual = small.align().spec as {
      chat: { training: Record<string, unknown> };
      dpo: { training: Record<string, unknown> };
    };
    const run = small.align("taught", {
      model: { pretrainRun: { name: "undisturbed" } },
      chat: { ...usual.chat, training: { ...usual.chat.training, sequenceLength: 64 } },
      dpo: { training: { ...usual.dpo.training, sequenceLength: 64 } },
      preferences: { datasets: [{ name: "pairs", claimName: "files", path: "pairs.jsonl" }] },
    });
    const failed = await world.tanren("run", "-f", world.write("taught", [run]), "--until", "complete");
    expect(failed.code, failed.errors).toBe(1);
    expect(failed.errors).toContain("InvalidData");
    const early = await world.tanren("retry", "alignmentrun", "nobody");
    expect(early.code).toBe(4);
    writeFileSync(file, `${pairs.join("\n")}\n`);
    const retried = await world.tanren("retry", "alignmentrun", "taught");
    expect(retried.code, retried.errors).toBe(0);
    expect(retried.output).toMatch(/^AlignmentRun\/taught is retried: .*stage dpo/);
    await succeeds("taught", run);
    const { attempts } = await statusOf("alignmentrun", "taught");
    expect(attempts?.map(({ stage, number }) => `${stage}-${number}`)).toEqual(["chat-1", "dpo-1", "dpo-2"]);
    const again = await world.tanren("retry", "align/taught");
    expect(again.code).toBe(1);
    expect(again.errors).toMatch(
      /AlignmentRun\/taught has not failed \(Completed: .*\), so there is nothing/,
    );
  },
  patience,
);
