import { existsSync, linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writing } from "./disk.ts";
import { readBoot, readProcess } from "./kubelet/process-table.ts";

const pattern = /^operator\.lock\.(\d+)$/;

/**
 * One operator per state directory. Holders are numbered: the next one takes the number after the last
 * holder's, which the file system gives to one process only, and only when that holder is dead. A lock needs
 * no release, but releases cleanly.
 */
export function acquireLock(stateDirectory: string): { release(): void } {
  for (;;) {
    const numbers = heldNumbers(stateDirectory);
    const last = Math.max(0, ...numbers);
    const holder = livingHolder(path(stateDirectory, last));
    if (holder !== undefined) {
      throw new Error(
        `The operator with process id ${holder} is using the state directory ${stateDirectory}; stop it or name another directory`,
      );
    }
    const own = last + 1;
    if (!claim(stateDirectory, own)) continue;
    // Whoever has a greater number was faster, with a newer view.
    if (heldNumbers(stateDirectory).some((number) => number > own)) {
      rmSync(path(stateDirectory, own), { force: true });
      continue;
    }
    for (const number of numbers) rmSync(path(stateDirectory, number), { force: true });
    return { release: () => rmSync(path(stateDirectory, own), { force: true }) };
  }
}

/** Process id of the operator that runs on the state directory; undefined when none does. */
export function findOperator(stateDirectory: string): number | undefined {
  if (!existsSync(stateDirectory)) return undefined;
  return livingHolder(path(stateDirectory, Math.max(0, ...heldNumbers(stateDirectory))));
}

function path(stateDirectory: string, number: number): string {
  return join(stateDirectory, `operator.lock.${number}`);
}

function heldNumbers(stateDirectory: string): number[] {
  return readdirSync(stateDirectory)
    .flatMap((name) => pattern.exec(name)?.[1] ?? [])
    .map(Number);
}

/** Makes the whole file under its final name, or finds that another process has. */
function claim(stateDirectory: string, number: number): boolean {
  const temporary = join(stateDirectory, `.lock.${process.pid}.tmp`);
  const startTime = readProcess(process.pid)?.startTime;
  try {
    writing(temporary, () =>
      writeFileSync(temporary, JSON.stringify({ pid: process.pid, startTime, boot: readBoot() })),
    );
    linkSync(temporary, path(stateDirectory, number));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/**
 * The holder's process id, unless it is dead: its start time tells it from a later process of the same id.
 */
function livingHolder(file: string): number | undefined {
  try {
    const { pid, startTime, boot } = JSON.parse(readFileSync(file, "utf8"));
    return boot === readBoot() && readProcess(pid)?.startTime === startTime ? pid : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
