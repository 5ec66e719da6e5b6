import { readdirSync, readFileSync } from "node:fs";

/** What /proc knows of processes. */
export interface ProcessStat {
  pid: number;
  /** R, S, D, Z (ended, not yet waited for), ... */
  state: string;
  group: number;
  /** Clock ticks since boot: with the pid it names a process for good. */
  startTime: number;
}

/**
 * Reads a line of /proc/<pid>/stat. The command may hold blanks and brackets: fields are counted from its
 * last bracket.
 */
export function parseStat(line: string): ProcessStat | undefined {
  const fields = line
    .slice(line.lastIndexOf(")") + 2)
    .trim()
    .split(" ");
  const pid = Number.parseInt(line, 10);
  const [state, group, startTime] = [fields[0], Number(fields[2]), Number(fields[19])];
  return state && Number.isFinite(pid + group + startTime) ? { pid, state, group, startTime } : undefined;
}

/** The process, unless it has ended. */
export function readProcess(pid: number): ProcessStat | undefined {
  const stat = parseStat(readOrEmpty(`/proc/${pid}/stat`));
  return stat && isLiving(stat) ? stat : undefined;
}

/** Living processes by process group. */
export function readGroups(): Map<number, ProcessStat[]> {
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  const living = pids.map(readProcess).filter((stat) => stat !== undefined);
  return Map.groupBy(living, ({ group }) => group);
}

/** Memory of the process that is in RAM, pages shared with others included; 0 when it has ended. */
export function readResidentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1];
  return Number(kibibytes ?? 0) * 1_024;
}

/** Differs from boot to boot: pids and start times of another boot mean nothing. */
export function readBoot(): string {
  return readOrEmpty("/proc/sys/kernel/random/boot_id").trim();
}

function isLiving({ state }: ProcessStat): boolean {
  return state !== "Z" && state !== "X";
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it ended between two looks
  }
}
