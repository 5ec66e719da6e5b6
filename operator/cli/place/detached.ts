import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Failure } from "../failure.ts";
import type { Operating } from "../target/target.ts";

const entry = fileURLToPath(new URL("../main.ts", import.meta.url));
const startSeconds = 30;

/** The operator that runs on the state directory; where none does, one is started in a session of its own, to outlive this process. */
export async function operateDetached(
  stateDirectory: string,
  connect: () => Promise<Operating | undefined>,
): Promise<Operating> {
  const running = await connect();
  if (running) return running;
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const logPath = join(stateDirectory, "operator.log");
  const log = openSync(logPath, "a");
  const child = spawn(process.execPath, [entry, "operator", "--state", stateDirectory], {
    detached: true,
    stdio: ["ignore", log, log],
  });
  child.unref();
  for (const deadline = Date.now() + startSeconds * 1000; Date.now() < deadline; await sleep(50)) {
    const operating = await connect();
    if (operating) return operating;
    if (child.exitCode !== null) break;
  }
  const last = readFileSync(logPath, "utf8").trimEnd().split("\n").at(-1);
  throw new Failure("failed", `the operator did not start in the background; the end of ${logPath} says: ${last}`);
}
