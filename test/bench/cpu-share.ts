import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Holds a process to a share of one core, whatever the machine has. */

export interface HeldProcess {
  /** The means: a control group counts processor time; signals let it run a share of the time. */
  means: "cgroup v2" | "cgroup v1" | "signals";
  release(): void;
}

const root = "/sys/fs/cgroup";
const periodMicroseconds = 100_000;

export function holdToShare(pid: number, share: number): HeldProcess {
  const quota = Math.round(share * periodMicroseconds);
  const controllers = join(root, "cgroup.controllers");
  try {
    if (existsSync(controllers) && readFileSync(controllers, "utf8").split(/\s+/).includes("cpu"))
      return inGroup(pid, "cgroup v2", root, { "cpu.max": `${quota} ${periodMicroseconds}` });
    if (existsSync(join(root, "cpu/cpu.cfs_quota_us")))
      return inGroup(pid, "cgroup v1", join(root, "cpu"), {
        "cpu.cfs_period_us": String(periodMicroseconds),
        "cpu.cfs_quota_us": String(quota),
      });
  } catch (error) {
    // A container, or somebody who is not root, may not make control groups.
    if (!["EACCES", "EPERM", "EROFS", "EBUSY"].includes((error as NodeJS.ErrnoException).code ?? ""))
      throw error;
  }
  return bySignals(pid, share);
}

function inGroup(
  pid: number,
  means: HeldProcess["means"],
  parent: string,
  limits: Record<string, string>,
): HeldProcess {
  const group = join(parent, `tanren-bench-${pid}`);
  mkdirSync(group);
  try {
    for (const [file, value] of Object.entries(limits)) writeFileSync(join(group, file), value);
    writeFileSync(join(group, "cgroup.procs"), String(pid));
  } catch (error) {
    rmdirSync(group);
    throw error;
  }
  const release = () => {
    try {
      writeFileSync(join(parent, "cgroup.procs"), String(pid));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it has ended
    }
    rmdirSync(group);
  };
  return { means, release };
}

/** Runs a share of every tenth of a second; while it runs it may take more than one core. */
function bySignals(pid: number, share: number): HeldProcess {
  const stopAfter = (milliseconds: number) => setTimeout(() => process.kill(pid, "SIGSTOP"), milliseconds);
  let stop = stopAfter(0);
  const go = setInterval(() => {
    process.kill(pid, "SIGCONT");
    stop = stopAfter(100 * share);
  }, 100);
  const release = () => {
    clearInterval(go);
    clearTimeout(stop);
    process.kill(pid, "SIGCONT");
  };
  return { means: "signals", release };
}
