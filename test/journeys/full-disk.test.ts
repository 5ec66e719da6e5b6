import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { small, World } from "./world.ts";

/**
 * A disk without room: one sentence, no half file, and what was begun goes on. A disk of a size of its own takes
 * root to mount; the kernels' own tests cover a write that fails for everyone.
 */

const cleanUps: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function aWorld(): World {
  const world = new World();
  cleanUps.push(() => world.close());
  return world;
}

function mountDisk(world: World, directory: string, size: string): { resize(size: string): void } {
  mkdirSync(directory);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", directory]);
  cleanUps.push(async () => {
    // While its state can be found.
    await world.tanren("stop");
    execFileSync("umount", ["-l", directory]);
  });
  return { resize: (size) => void execFileSync("mount", ["-o", `remount,size=${size}`, directory]) };
}

/** A Corpus whose text, and what becomes of it, lies on another disk than the state. */
function corpusIn(world: World): string {
  mkdirSync(join(world.root, "out"));
  return world.write("corpus", [
    world.claim("files", "files"),
    world.claim("out", "out"),
    small.corpus("web", { storage: { claimName: "out" } }),
  ]);
}

const sentence = /the disk is full, so that \/\S+ cannot be written; free space, what was begun then resumes/;

/** Every object that is left on disk is a whole one. */
function readObjects(state: string): void {
  const directory = join(state, "objects");
  const files = existsSync(directory) ? readdirSync(directory, { recursive: true, encoding: "utf8" }) : [];
  for (const file of files.filter((name) => name.endsWith(".json")))
    expect(() => JSON.parse(readFileSync(join(directory, file), "utf8")), file).not.toThrow();
}

describe.runIf(process.getuid?.() === 0)("a full disk", () => {
  test("under a state directory ends what cannot begin, in a sentence; a rerun goes on", async () => {
    const world = aWorld();
    const disk = mountDisk(world, world.state, "4k");
    const file = corpusIn(world);
    const refused = await world.tanren("run", "-f", file);
    expect(refused.code).toBe(1);
    expect(refused.errors).toMatch(sentence);
    expect(refused.errors).not.toMatch(/^ {4}at /m);
    readObjects(world.state);
    disk.resize("64m");
    const ended = await world.tanren("run", "-f", file);
    expect(ended.code, ended.errors + ended.output).toBe(0);
  }, 90_000);

  test.each(["in this process", "in the background"])(
    "under a state directory is told while it runs, and the work goes on when there is room: an operator %s",
    async (where) => {
      const world = aWorld();
      const disk = mountDisk(world, world.state, "64m");
      const file = corpusIn(world);
      if (where === "in the background") {
        const empty = world.write("none", [world.claim("none", "files")]);
        expect((await world.tanren("run", "-f", empty, "--detach")).code).toBe(0);
      }
      disk.resize(where === "in the background" ? "64k" : "48k");
      const run = world.start("run", "-f", file);
      for (const end = Date.now() + 60_000; !sentence.test(run.said()) && Date.now() < end; ) await sleep(50);
      expect(run.said()).toMatch(sentence);
      readObjects(world.state);
      disk.resize("64m");
      const ended = await run.ended;
      expect(ended.code, ended.errors + ended.output).toBe(0);
      expect(ended.output.match(new RegExp(sentence, "g"))?.length).toBe(1);
      const log = readFileSync(join(world.state, "operator.log"), "utf8").trim().split("\n");
      for (const line of log.filter(Boolean)) expect(() => JSON.parse(line), line).not.toThrow();
    },
    150_000,
  );

  test("under a run's claim costs no restart, and the run goes on when there is room", async () => {
    const world = aWorld();
    const file = corpusIn(world);
    const made = await world.tanren("run", "-f", file, "--until", "complete");
    expect(made.code, made.errors + made.output).toBe(0);
    const disk = mountDisk(world, join(world.root, "disk"), "256k");
    const manifests = [
      world.claim("disk", "disk"),
      small.pretrain("full", { storage: { claimName: "disk" } }),
    ];
    const run = world.start("run", "-f", world.write("full", manifests), "--until", "pretrainrun/full");
    const isTold = async () => {
      const { status } = await world.get("pretrainrun", "full").catch(() => ({ status: undefined }));
      const attempts = (status?.attempts ?? []) as { reason?: string }[];
      return attempts.some(({ reason }) => reason === "DiskFull");
    };
    let told = false;
    for (const end = Date.now() + 60_000; !told && Date.now() < end; told = await isTold()) await sleep(200);
    expect(told).toBe(true);
    disk.resize("64m");
    const ended = await run.ended;
    expect(ended.code, ended.errors + ended.output).toBe(0);
    const { status } = await world.get("pretrainrun", "full");
    expect(status?.restarts ?? 0).toBe(0);
  }, 150_000);
});
