import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { eventually, sh, temporaryDirectory } from "../../../testing/local-cluster.ts";
import { Attempt, type Observation } from "./container.ts";
import { parseStat } from "./process-table.ts";

function start(attempt: Attempt, directory: string, script: string): void {
  const env = { PATH: process.env.PATH ?? "" };
  const command = { argv: sh(script), cwd: directory, env };
  attempt.start(
    command,
    () => {},
    (error) => {
      throw error;
    },
  );
}

function end(attempt: Attempt): Promise<Extract<Observation, { state: "ended" }>> {
  return eventually(async () => {
    const seen = attempt.observe();
    return seen.state === "ended" && seen;
  });
}

function make(): { attempt: Attempt; directory: string } {
  const directory = temporaryDirectory();
  return { attempt: new Attempt(join(directory, "attempt")), directory };
}

const log = (attempt: Attempt) => readFileSync(attempt.logPath, "utf8");

test("of many shims that start one attempt at once, one runs the program and the others leave without a word", async () => {
  const { attempt, directory } = make();
  for (let shim = 0; shim < 12; shim++) start(attempt, directory, "echo ran; sleep 0.2; exit 7");
  expect(await end(attempt)).toMatchObject({ exitCode: 7, reason: "Error" });
  await sleep(100);
  expect(log(attempt)).toBe("ran\n");
});

test("an attempt that is forestalled never runs, and one that has begun cannot be forestalled", async () => {
  const { attempt, directory } = make();
  expect(attempt.forestall()).toBe(true);
  start(attempt, directory, "echo ran");
  await sleep(100);
  expect([log(attempt), attempt.observe().state]).toEqual(["", "ended"]);
  const begun = new Attempt(join(directory, "begun"));
  start(begun, directory, "exit 0");
  expect(await end(begun)).toMatchObject({ exitCode: 0, reason: "Completed" });
  expect(begun.forestall()).toBe(false);
});

test("TERM reaches the program, whose own exit code is told even when it takes its time or gets TERM twice", async () => {
  const { attempt, directory } = make();
  start(attempt, directory, "trap 'sleep 0.3; exit 5' TERM; echo up; while :; do sleep 0.02; done");
  await eventually(async () => attempt.observe().state === "running" && log(attempt) === "up\n");
  attempt.terminate();
  await sleep(50);
  attempt.terminate();
  expect((await end(attempt)).exitCode).toBe(5);
});

test("a kill leaves nobody of the group and keeps its reason for whoever looks next", async () => {
  const { attempt, directory } = make();
  start(attempt, directory, "trap '' TERM; sleep 1000 & sleep 1000");
  await eventually(async () => attempt.members().length >= 4);
  new Attempt(join(directory, "attempt")).kill("OOMKilled");
  expect(await end(attempt)).toMatchObject({ exitCode: 137, reason: "OOMKilled" });
  await eventually(async () => attempt.members().length === 0);
});

test("a process that has the shim's id but not its start time is a stranger: neither asked nor killed", async () => {
  const { attempt, directory } = make();
  start(attempt, directory, "sleep 1000");
  await eventually(async () => attempt.observe().state === "running");
  const file = join(directory, "attempt/pid");
  const mine = readFileSync(file, "utf8");
  const fields = mine.split(" ");
  fields[21] = String(Number(fields[21]) - 1);
  writeFileSync(file, fields.join(" "));
  attempt.kill();
  expect(attempt.observe()).toMatchObject({ state: "ended", exitCode: 137 });
  writeFileSync(file, mine);
  expect(attempt.observe().state).toBe("running");
  attempt.kill();
  await end(attempt);
});

test("fields of /proc are read past a command with blanks and brackets", () => {
  const line = `42 (a ) b) S 1 40 40 0 -1 4194304 ${"0 ".repeat(12)}777 0 5`;
  expect(parseStat(line)).toEqual({ pid: 42, state: "S", group: 40, startTime: 777 });
  expect(parseStat("")).toBeUndefined();
});
