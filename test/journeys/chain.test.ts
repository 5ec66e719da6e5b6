import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { small, World } from "./world.ts";

/** From text to a chat answer with real kernels, interrupted in every rough way, on one state directory. */

const world = new World();
let port = 0;

beforeAll(async () => {
  const prompts = readFileSync(join(world.root, "files/prompts.jsonl"), "utf8").split("\n").slice(0, 12);
  writeFileSync(join(world.root, "files/few-prompts.jsonl"), `${prompts.join("\n")}\n`);
  port = await freePort();
});
afterAll(() => world.close());

/** Objects of the state directory, without Events. */
function made(): string[] {
  return readdirSync(join(world.state, "objects"), { recursive: true, withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && entry.name.endsWith(".json") && !entry.parentPath.includes("/events"),
    )
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Kernels that work below the world's state now. */
function kernels(): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return command.includes("tanren_kernels") && readlinkSync(`/proc/${pid}/cwd`).startsWith(world.state);
      } catch {
        return false; // It ended meanwhile.
      }
    })
    .map(Number);
}

async function until(what: string, holds: () => boolean | Promise<boolean>, seconds = 60): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

test("text becomes a corpus, then a base model over two processes, through a killed kernel and a killed operator", async () => {
  const corpus = world.write("corpus", [world.claim("files", "files"), small.corpus()]);
  const made = await world.tanren("run", "-f", corpus, "--until", "complete");
  expect(made.code, made.errors + made.output).toBe(0);

  const pretrain = world.write("pretrain", [
    small.pretrain("base", {
      training: {
        learningRate: "3e-3",
        precision: "float32",
        tokens: 64 * 8 * 150,
        globalBatchTokens: 64 * 8,
      },
      compute: { nodes: 2, resources: { cpu: "500m", memory: "2Gi" } },
    }),
  ]);
  const first = world.start("run", "-f", pretrain, "--until", "complete");
  // A directory that is still being written has another name before these.
  const checkpoints = () => {
    const claim = join(world.state, "claims/default/pretrainrun-base");
    return existsSync(claim)
      ? readdirSync(claim, { recursive: true })
          .map(String)
          .filter((path) => /(^|\/)step-\d+$/.test(path))
      : [];
  };
  await until("a checkpoint", () => checkpoints().length > 0);
  const [victim] = kernels();
  if (victim !== undefined) process.kill(victim, "SIGKILL");
  await until("the second attempt", async () => {
    const { status } = await world.get("pretrainrun", "base");
    return ((status?.attempts ?? []) as { number: number }[]).some(({ number }) => number >= 2);
  });
  await until("its processes", () => kernels().length >= 2);
  first.kill("SIGKILL");
  await first.ended;
  const survivors = kernels();

  const second = await world.tanren("run", "-f", pretrain, "--until", "complete");
  expect(second.code, second.errors + second.output).toBe(0);
  const { status } = await world.get("pretrainrun", "base");
  const attempts = (status?.attempts ?? []) as { resumedFromStep?: number }[];
  // The killed operator's processes were taken up: no third attempt was made.
  expect(survivors.length).toBeGreaterThan(0);
  expect(attempts).toHaveLength(2);
  expect(attempts[1]?.resumedFromStep).toBeGreaterThan(0);
  expect(status?.artifact).toMatchObject({
    type: "model",
    contextLength: 64,
    digest: expect.stringMatching(/^sha256:/),
  });
  expect(kernels()).toEqual([]);
}, 240_000);

test("the base model becomes a chat model that answers behind a key", async () => {
  const key = "a-key-of-this-journey";
  const manifests = world.write("rest", [
    small.extend(),
    small.align(),
    small.evaluate(),
    small.serve("assistant", { port, auth: { secretName: "tanren-keys" }, requires: [{ name: "gate" }] }),
    { apiVersion: "v1", kind: "Secret", metadata: { name: "tanren-keys" }, stringData: { one: key } },
  ]);
  const started = await world.tanren("run", "-f", manifests, "--detach");
  expect(started.code, started.errors).toBe(0);
  const ready = await world.tanren("run", "-f", manifests, "--until", "complete");
  expect(ready.code, ready.errors + ready.output).toBe(0);

  const extension = await world.get("contextextension", "long");
  const losses = (extension.status?.positionLosses ?? []) as { label: string; to: number }[];
  expect([...new Set(losses.map(({ label }) => label))].sort()).toEqual([
    "base",
    "none",
    "positionInterpolation",
  ]);
  expect(Math.max(...losses.map(({ to }) => to))).toBe(128);
  expect((await world.get("evaluation", "gate")).status).toMatchObject({
    passed: true,
    scores: expect.any(Array),
  });

  const url = `http://127.0.0.1:${port}/v1/chat/completions`;
  const question = {
    model: "assistant",
    messages: [{ role: "user", content: "What is a token?" }],
    max_tokens: 8,
  };
  const ask = (headers: Record<string, string>) =>
    fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(question),
    });
  expect((await ask({})).status).toBe(401);
  const answer = await ask({ authorization: `Bearer ${key}` });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({
    object: "chat.completion",
    choices: [{ message: { role: "assistant" } }],
  });

  writeFileSync(join(world.root, "key"), key);
  const chat = await world.tanren(
    "chat",
    "assistant",
    "--key-file",
    join(world.root, "key"),
    "--message",
    "What is a token?",
    "--max-tokens",
    "8",
  );
  expect(chat.code, chat.errors).toBe(0);

  const tree = await world.tanren("tree");
  for (const maker of ["Corpus/web", "PretrainRun/base", "ContextExtension/long", "AlignmentRun/assistant"])
    expect(tree.output).toContain(maker);

  const copy = join(world.root, "taken-away");
  const exported = await world.tanren("export", "align/assistant", "--to", copy);
  expect(exported.code, exported.errors).toBe(0);
  expect(exported.output).toContain(copy);
  expect(readdirSync(copy)).toEqual(
    expect.arrayContaining(["config.json", "manifest.json", "model.safetensors", "tokenizer.json"]),
  );
  const again = await world.tanren("export", "align/assistant", "--to", copy);
  expect(again.code).toBe(2);
}, 300_000);

test("what is in use is held, and after deletion nothing is left", async () => {
  const held = world.start("delete", "alignmentrun", "assistant", "--timeout", "5s");
  expect((await held.ended).code).not.toBe(0);
  expect(await world.condition("alignmentrun", "assistant", "InUse")).toMatchObject({ status: "True" });
  const gone = await world.tanren(
    "delete",
    "-f",
    join(world.root, "rest.yaml"),
    join(world.root, "pretrain.yaml"),
    join(world.root, "corpus.yaml"),
  );
  expect(gone.code, gone.errors).toBe(0);
  // The objects are gone; the server may still finish answers within its grace period, and its claim goes
  // after it.
  await until("the end of all processes", () => kernels().length === 0);
  await until("the end of all that was made for them", () => made().length === 0).catch(() => {});
  expect(made()).toEqual([]);
  // The person's own directory is never touched.
  expect(existsSync(join(world.root, "files/conversations.jsonl"))).toBe(true);
}, 120_000);
