import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeWhole, writing } from "../disk.ts";
import {
  type ProcessStat,
  parseStat,
  readBoot,
  readGroups,
  readProcess,
  readResidentBytes,
} from "./process-table.ts";

/**
 * The shim that runs one attempt, in a session and process group of its own, and outlives the operator. $0 is
 * the attempt's directory, the arguments are the command. `set -C` makes the pid file exclusive: of two shims
 * for one attempt, one leaves. 143 from `wait` may also mean that TERM broke the wait, so it waits again
 * while the child is there.
 */
const shim = `
set -C
read -r boot < /proc/sys/kernel/random/boot_id
read -r stat < /proc/$$/stat
child= asked=
trap 'asked=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM
{ printf '%s\\n%s\\n' "$boot" "$stat" > "$0/pid"; } 2>/dev/null || exit 0
"$@" &
child=$!
[ -z "$asked" ] || kill -TERM "$child"
wait "$child"; code=$?
while [ "$code" = 143 ] && kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
printf '%s\\n' "$code" >| "$0/exit.tmp" && mv "$0/exit.tmp" "$0/exit"
`;

/** A pid file is filled right after it is made: one that stays empty has lost its shim. */
const emptyMilliseconds = 10_000;
/** SIGKILL: what a container reports whose end nobody saw. */
const killedCode = 137;

export type Observation =
  | { state: "absent" }
  | { state: "starting" }
  | { state: "running"; startedAt: Date }
  | { state: "ended"; exitCode: number; reason: string; startedAt: Date; finishedAt: Date };

export interface Command {
  argv: readonly string[];
  cwd: string;
  env: Record<string, string>;
}

/**
 * One run of a pod's container, known by its directory alone: whoever opens the directory sees and steers the
 * same process.
 */
export class Attempt {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Where the program leaves its termination message. */
  get resultPath(): string {
    return join(this.#directory, "result");
  }

  /** Where what it says is written. */
  get logPath(): string {
    return join(this.#directory, "log");
  }

  /**
   * Starts the command unless anyone has before. `onExit` is a hint to look; `onError` tells that nothing was
   * started.
   */
  start({ argv, cwd, env }: Command, onExit: () => void, onError: (error: Error) => void): void {
    const output = writing(this.logPath, () => {
      mkdirSync(this.#directory, { recursive: true });
      return openSync(this.logPath, "a");
    });
    try {
      const stdio = ["ignore", output, output] as const;
      const child = spawn("/bin/sh", ["-c", shim, this.#directory, ...argv], {
        cwd,
        env,
        stdio: [...stdio],
        detached: true,
      });
      child.on("exit", onExit);
      child.on("error", onError);
      child.unref();
    } finally {
      closeSync(output);
    }
  }

  observe(): Observation {
    const pidFile = this.#modified("pid");
    if (!pidFile) return { state: "absent" };
    const shimProcess = this.#shim();
    const young = Date.now() - pidFile.getTime() < emptyMilliseconds;
    if (!shimProcess && young && this.#read("pid") === "") return { state: "starting" };
    const running = shimProcess && isAlive(shimProcess);
    const exit = this.#modified("exit"); // after the look at the process: an end between the two is not taken for a loss
    if (running && !exit) return { state: "running", startedAt: pidFile };
    const killed = this.#read("killed").trim();
    const exitCode = killed || !exit ? killedCode : Number(this.#read("exit"));
    const reason = killed || (exit ? (exitCode === 0 ? "Completed" : "Error") : "ContainerStatusUnknown");
    return { state: "ended", exitCode, reason, startedAt: pidFile, finishedAt: exit ?? new Date() };
  }

  /** Asks the program to stop. */
  terminate(): void {
    const shimProcess = this.#shim();
    if (shimProcess && isAlive(shimProcess)) signal(shimProcess.pid, "SIGTERM");
  }

  /**
   * Kills the whole process group. A reason is kept beside it, so that it is known whatever happens to the
   * operator.
   */
  kill(reason?: string): void {
    const shimProcess = this.#shim();
    if (!shimProcess || !ownsGroup(shimProcess)) return;
    if (reason) writeWhole(join(this.#directory, "killed"), `${reason}\n`);
    signal(-shimProcess.pid, "SIGKILL");
  }

  /** Living processes of the attempt; the program may leave some behind when it ends. */
  members(groups: ReadonlyMap<number, ProcessStat[]> = readGroups()): ProcessStat[] {
    const shimProcess = this.#shim();
    return shimProcess && ownsGroup(shimProcess) ? (groups.get(shimProcess.pid) ?? []) : [];
  }

  residentBytes(groups: ReadonlyMap<number, ProcessStat[]>): number {
    return this.members(groups).reduce((sum, { pid }) => sum + readResidentBytes(pid), 0);
  }

  /**
   * Takes the pid file of an attempt that must never run, so that a shim on its way leaves. False when one
   * was faster.
   */
  forestall(): boolean {
    const path = join(this.#directory, "pid");
    try {
      writing(path, () => {
        mkdirSync(this.#directory, { recursive: true });
        writeFileSync(path, "none\n", { flag: "wx" });
      });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    }
  }

  #shim(): Shim | undefined {
    const [boot = "", line = ""] = this.#read("pid").split("\n");
    const stat = parseStat(line);
    return stat && { boot, pid: stat.pid, startTime: stat.startTime };
  }

  #read(name: string): string {
    const path = join(this.#directory, name);
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  #modified(name: string): Date | undefined {
    return statSync(join(this.#directory, name), { throwIfNoEntry: false })?.mtime;
  }
}

type Shim = { boot: string; pid: number; startTime: number };

function isAlive({ boot, pid, startTime }: Shim): boolean {
  return boot === readBoot() && readProcess(pid)?.startTime === startTime;
}

/**
 * The kernel gives a group's id to no other process while the group has members: only a leader with another
 * start time is a stranger.
 */
function ownsGroup({ boot, pid, startTime }: Shim): boolean {
  return boot === readBoot() && (readProcess(pid)?.startTime ?? startTime) === startTime;
}

function signal(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // ESRCH: it has ended already
  }
}
