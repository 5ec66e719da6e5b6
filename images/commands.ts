import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { readFile } from "node:fs/promises";

export interface CommandOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** An open file that the command gets too. */
  file?: number;
  /** Takes what the command prints, both streams; a failure shows its end. */
  log: string;
}

/** Runs a command to its end; throws with the last lines of its log when it fails. */
export async function command(words: readonly [string, ...string[]], options: CommandOptions): Promise<void> {
  const [program, ...args] = words;
  const log = openSync(options.log, "a");
  const code = await new Promise<number | null>((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ["ignore", log, log, ...(options.file === undefined ? [] : [options.file])],
      env: { ...process.env, ...options.env },
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    });
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code === 0) return;
  const end = (await readFile(options.log, "utf8")).trimEnd().split("\n").slice(-15).join("\n");
  throw new Error(`${program} ${args[0] ?? ""} ended with ${code}; the end of ${options.log}:\n${end}`);
}

const started = performance.now();

/** One line on what is being done, with the time since the start. */
export function say(what: string): void {
  const seconds = (performance.now() - started) / 1000;
  console.error(`[${seconds.toFixed(0).padStart(4)} s] ${what}`);
}
