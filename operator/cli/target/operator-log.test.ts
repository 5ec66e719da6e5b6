import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openOperatorLog } from "./operator-log.ts";

// A disk of a size of its own takes root to mount.
test.runIf(process.getuid?.() === 0)("a full disk loses lines, tears none, and how many is said", () => {
  const disk = mkdtempSync(join(tmpdir(), "tanren-log-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=8k", "tmpfs", disk]);
  try {
    const log = openOperatorLog(join(disk, "operator.log"));
    const line = (n: number) => `${JSON.stringify({ n, text: "x".repeat(1000) })}\n`;
    for (let n = 0; n < 20; n++) log.write(line(n));
    execFileSync("mount", ["-o", "remount,size=1m", disk]);
    log.write(line(20));
    log.write(line(21));
    const text = readFileSync(join(disk, "operator.log"), "utf8");
    const whole = text
      .trimEnd()
      .split("\n")
      .map((one) => JSON.parse(one));
    const written = whole.filter(({ n }) => n < 20).length;
    expect(written).toBeGreaterThan(3);
    expect(whole.map(({ n }) => n).slice(-2)).toEqual([20, 21]);
    expect(whole.at(-3)).toMatchObject({
      level: "warn",
      msg: `${20 - written} lines were lost: the disk was full`,
    });
  } finally {
    execFileSync("umount", ["-l", disk]);
    rmSync(disk, { recursive: true });
  }
});
