import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";

export interface Command {
  file: string;
  arguments: string[];
  environment?: Record<string, string>;
}

export interface Memory {
  /** Resident set in MiB, pages shared with other processes counted in full. */
  rss: number;
  /** Proportional set in MiB: shared pages divided among those that share them. */
  pss: number;
  /** The most that was ever resident, in MiB. */
  peak: number;
}

const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"]).toString());

/** Seconds of processor time, in user and kernel mode, of all the threads of a process since it started. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** An operator as a process, measured from outside through /proc. */
export class OperatorProcess {
  /** When it was started, in milliseconds since the epoch. */
  readonly startedAt = Date.now();
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #exit = Promise.withResolvers<void>();
  readonly #crash = Promise.withResolvers<never>();
  #stopping = false;

  constructor(command: Command, log: string) {
    this.#log = log;
    const output = openSync(log, "a");
    this.#child = spawn(command.file, command.arguments, {
      stdio: ["ignore", output, output],
      env: { ...process.env, ...command.environment },
    });
    closeSync(output);
    const end = () => this.#child.kill("SIGKILL");
    process.once("exit", end);
    this.#child.once("error", this.#crash.reject);
    this.#child.once("exit", (code, signal) => {
      process.off("exit", end);
      this.#exit.resolve();
      if (!this.#stopping)
        this.#crash.reject(new Error(`${command.file} ended by itself (${code ?? signal}): ${this.tail()}`));
    });
    // Who does not wait for anything of this process learns it from the next who does.
    this.#crash.promise.catch(() => {});
  }

  /** What is waited for of the process, or the error of its end, whichever comes first. */
  alive<T>(waited: Promise<T>): Promise<T> {
    return Promise.race([waited, this.#crash.promise]);
  }

  /** The last lines of its log. */
  tail(): string {
    return readFileSync(this.#log, "utf8").slice(-2000);
  }

  cpuSeconds(): number {
    return cpuSeconds(this.#child.pid ?? 0);
  }

  memory(): Memory {
    const mebibytes = (text: string, field: string) =>
      Math.round(Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) / 102.4) / 10;
    const rollup = readFileSync(`/proc/${this.#child.pid}/smaps_rollup`, "utf8");
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
    return { rss: mebibytes(rollup, "Rss"), pss: mebibytes(rollup, "Pss"), peak: mebibytes(status, "VmHWM") };
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it in order, as the kubelet would: SIGTERM, and SIGKILL after 30 seconds. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#child.kill("SIGTERM");
    const hurry = setTimeout(() => this.#child.kill("SIGKILL"), 30_000);
    await this.#exit.promise;
    clearTimeout(hurry);
  }
}
